# blocks.awk: every fenced block of a page as a file DIR/LINE.LANGUAGE.PLACE.PREPARATION (awk -v dir=DIR -f blocks.awk PAGE).
# What stands behind the language in the info string, GitHub does not show: "sh lab stale" is run in the lab, after stale.
/^ *```/ {
    if (file) {
        close(file)
        file = ""
        next
    }
    line = $0
    sub(/^ *```/, "", line)
    n = split(line, words, " ")
    file = sprintf("%s/%04d.%s.%s.%s", dir, FNR, n ? words[1] : "none", words[2], words[3])
    printf "" >file
    next
}
file { print >file }
END {
    if (file) {
        print FILENAME ": a block is not closed" >"/dev/stderr"
        exit 1
    }
}
