# The commands of README and of the page on monitoring, as they stand there, and what they say.
# kernel: 6.12
# timeout: 240
# shellcheck source=tests/docs/lab.sh
. "$LAB/../docs/lab.sh"
play README.md lab
play docs/monitoring.md lab
