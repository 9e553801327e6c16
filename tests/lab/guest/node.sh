# shellcheck shell=bash
# node.sh: what makes the machine look like a PVE node: its directories, our programs where a package puts them, and the
# stand-ins for PVE's own.

# node_programs: those under test that are built, into LAB_PROGRAMS.
node_programs() {
    local p
    LAB_PROGRAMS=
    for p in gpu-bind pve-hook usb-reset coral-check vm-probe; do
        [[ -x $LAB_BIN_DIR/$p ]] && LAB_PROGRAMS+="$p "
    done
    export LAB_PROGRAMS
}

link_snippets() {
    local p
    for p in $LAB_PROGRAMS; do
        [[ -e /var/lib/vz/snippets/$p ]] || ln -s "/usr/sbin/$p" "/var/lib/vz/snippets/$p"
    done
}

# lay_out_node LAB WORK
lay_out_node() {
    local lab=$1 work=$2 p
    hostname lab
    # /var/lock may be a link to it.
    mkdir -p /run/lock
    mkdir -p /etc/pve/nodes/lab/qemu-server /etc/pve/mapping /var/lib/vz/snippets /run/qemu-server \
        /var/lock/qemu-server /run/lab/{knob,log,watch,guard}
    ln -sfn nodes/lab/qemu-server /etc/pve/qemu-server
    ln -sfn nodes/lab /etc/pve/local
    for p in $LAB_PROGRAMS; do cp "$LAB_BIN_DIR/$p" /usr/sbin/; done
    for p in qm pvesm; do cp "$lab/guest/bin/$p" /usr/sbin/; done
    mkdir -p /usr/lib/lab
    cp "$lab"/guest/pve/* "$work"/native/* /usr/lib/lab/
    link_snippets
}
