# A boot sector that lets the PC speaker beep at 1 kHz.
b0 b6           # mov   al, 0xb6        counter 2: a square wave
e6 43           # out   0x43, al
b8 a9 04        # mov   ax, 1193        1193182 Hz / 1193
e6 42           # out   0x42, al
88 e0           # mov   al, ah
e6 42           # out   0x42, al
e4 61           # in    al, 0x61
0c 03           # or    al, 3           gate and speaker on
e6 61           # out   0x61, al
fb              # sti
f4              # halt: hlt
eb fd           # jmp   halt
