# The commands of the pages on GPUs, hooks and orchestrators, as they stand there, and what they say.
# kernel: 6.1
# timeout: 400
# shellcheck source=tests/docs/lab.sh
. "$LAB/../docs/lab.sh"
play docs/gpu.md lab
expect_host
play docs/gpu-shared.md lab
play docs/troubleshooting.md lab
play docs/orchestrators.md lab
expect_host
play docs/hooks.d.md lab
expect_host
