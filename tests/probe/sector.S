# sector.S: the guest: a boot sector that writes once when it is up and then waits for a key.
#   w   writes 4 MiB from 4 MiB on, over and over
#   p   panics: what the pvpanic device is told
#   o   powers the machine off
        .code16
        .globl  _start
_start: ljmp    $0, $here
here:   xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti
        movb    %dl, drive
        call    write
key:    xorb    %ah, %ah
        int     $0x16
        cmpb    $'w', %al
        je      fill
        cmpb    $'p', %al
        je      panic
        cmpb    $'o', %al
        jne     key
        # Into PM1a control of the i440fx: sleep state 5.
        movw    $0x604, %dx
        movw    $0x2000, %ax
        outw    %ax, %dx
        jmp     key
panic:  movw    $0x505, %dx
        movb    $1, %al
        outb    %al, %dx
        jmp     key
fill:   call    write
        addw    $64, block
        andw    $0x1fff, block
        orw     $0x2000, block
        jmp     fill
write:  movb    drive, %dl
        movw    $packet, %si
        movw    $0x4300, %ax
        int     $0x13
        ret
packet: .byte   16, 0
        .word   64
        .word   0, 0x1000
block:  .word   0x2000, 0, 0, 0
drive:  .byte   0
        .org    510
        .word   0xaa55
