# A boot sector that draws the upper part of the screen anew, in another colour, at every tick of the timer: 18.2065 Hz.
31 c0           # xor   ax, ax
8e d8           # mov   ds, ax
b4 01           # mov   ah, 1           no cursor, which would blink
b9 00 20        # mov   cx, 0x2000
cd 10           # int   0x10
b8 00 b8        # mov   ax, 0xb800
8e c0           # mov   es, ax
fb              # sti
f4              # wait: hlt
a0 6c 04        # mov   al, [0x46c]     the BIOS counts the ticks here
38 d8           # cmp   al, bl
74 f8           # je    wait
88 c3           # mov   bl, al
24 07           # and   al, 7           the colour: one of the eight bright ones, as a screen all black has no picture
0c 08           # or    al, 8
88 c4           # mov   ah, al
b0 db           # mov   al, 0xdb        a full block
31 ff           # xor   di, di
b9 e8 03        # mov   cx, 1000
fc              # cld
f3 ab           # rep   stosw
eb e4           # jmp   wait
