/* usb-guest: the smallest guest that drives a qemu-xhci: it addresses and configures what is plugged
 * into the controller's own ports, as a real guest's kernel does, hotplug included, and writes to the
 * debug console (I/O port 0xe9) what it sees: one line "usb PORT/SPEED/ID[/failed] ..." per change.
 *
 * Without a guest that sets a configuration QEMU never claims the interfaces of a host device, and
 * with -S it does not even open it. Linux takes minutes to boot in an emulated machine inside an
 * emulated machine, and a BIOS seconds; this is there at once, and sleeps between its looks at the ports.
 *
 * It is the machine's firmware itself (qemu -bios usb-guest): 64 KiB of ROM at 0xf0000 with the reset vector
 * at its end, variables in RAM at 0x10000, which nobody has written to before.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* --- the processor */

static inline void out8(u16 port, u8 v) { __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port)); }
static inline void out32(u16 port, u32 v) { __asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port)); }
static inline u32 in32(u16 port) {
    u32 v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

/* 18 a second. */
static volatile u32 ticks;
__attribute__((used)) static void tick(void) {
    ticks++;
    out8(0x20, 0x20);
}
__asm__(".globl tick_entry\ntick_entry: pusha\n cld\n call tick\n popa\n iret");
extern const u8 tick_entry[];

static void sleep_a_tick(void) { __asm__ volatile("sti; hlt"); }

static u64 idt[0x21] __attribute__((aligned(8)));
struct table {
    u16 limit;
    const void *base;
} __attribute__((packed));

static void start_timer(void) {
    struct table i = {sizeof idt - 1, idt};
    u32 entry = (u32)tick_entry;
    idt[0x20] = ((u64)((entry & 0xffff0000) | 0x8e00) << 32) | 0x80000 | (entry & 0xffff);
    __asm__ volatile("lidt %0" ::"m"(i));
    /* Both PICs to vectors 0x20 and 0x28, nothing but the timer. */
    static const u8 master[] = {0x20, 4, 1, 0xfe}, slave[] = {0x28, 2, 1, 0xff};
    out8(0x20, 0x11);
    out8(0xa0, 0x11);
    for (int n = 0; n < 4; n++) {
        out8(0x21, master[n]);
        out8(0xa1, slave[n]);
    }
    /* The local APIC lets the PIC's interrupts through: it is on, its LINT0 is ExtINT. */
    *(volatile u32 *)0xfee000f0 = 0x1ff;
    *(volatile u32 *)0xfee00350 = 0x700;
    out8(0x43, 0x34);
    out8(0x40, 0);
    out8(0x40, 0);
}

/* --- what it says */

static void say(const char *s) {
    while (*s) out8(0xe9, *s++);
}
static void say_hex(u32 v, int digits) {
    while (digits--) out8(0xe9, "0123456789abcdef"[v >> 4 * digits & 15]);
}
static void say_dec(u32 v) {
    if (v > 9) say_dec(v / 10);
    out8(0xe9, '0' + v % 10);
}

/* --- the controller: xHCI 1.0, polled; names as in the specification */

enum { CCS = 1, PED = 2, PR = 1 << 4, PP = 1 << 9, CHANGES = 0xfe0000, CSC = 1 << 17 };
enum { SETUP = 2, DATA, STATUS, LINK = 6, ENABLE_SLOT = 9, DISABLE_SLOT, ADDRESS_DEVICE, TRANSFER_EVENT = 32, COMMAND_EVENT };
enum { RING = 32, EVENTS = 64, PORTS = 31, SLOTS = 65 };

struct trb {
    u32 address, high, status, control;
};
static struct trb commands[RING] __attribute__((aligned(64)));
static volatile struct trb events[EVENTS] __attribute__((aligned(64)));
static struct trb control[PORTS][RING] __attribute__((aligned(64)));
static u64 contexts[SLOTS] __attribute__((aligned(64)));
static u32 output[PORTS][256] __attribute__((aligned(64)));
static u32 input[256] __attribute__((aligned(64)));
static u32 segment[4] __attribute__((aligned(64)));
static u8 buffer[64] __attribute__((aligned(64)));

static volatile u32 *op, *interrupter, *doorbells;
static u32 ports, command_at, command_cycle, event_at, event_cycle;

static struct port {
    u32 slot, known, speed, id, failed, at;
} port[PORTS];

/* The next event of TYPE into *got; others are dropped. 0 when none comes in time. */
static int wait_event(u32 type, struct trb *got, u32 patience) {
    u32 start = ticks;
    for (;;) {
        volatile struct trb *e = &events[event_at];
        if ((e->control & 1) != event_cycle) {
            if (ticks - start >= patience) return 0;
            sleep_a_tick();
            continue;
        }
        *got = *(struct trb *)e;
        if (++event_at == EVENTS) event_at = 0, event_cycle ^= 1;
        interrupter[6] = (u32)&events[event_at] | 8;
        interrupter[7] = 0;
        if ((got->control >> 10 & 63) == type) return 1;
    }
}

/* Its completion code; 1 is success. */
static u32 command(u32 type, const void *address, u32 slot, u32 *new_slot) {
    struct trb done;
    struct trb *t = &commands[command_at];
    t->address = (u32)address;
    t->high = t->status = 0;
    t->control = type << 10 | slot << 24 | command_cycle;
    if (++command_at == RING - 1) {
        commands[command_at].address = (u32)commands;
        commands[command_at].control = LINK << 10 | 2 | command_cycle;
        command_at = 0, command_cycle ^= 1;
    }
    doorbells[0] = 0;
    if (!wait_event(COMMAND_EVENT, &done, 36)) return 0;
    if (new_slot) *new_slot = done.control >> 24;
    return done.status >> 24;
}

static int request(u32 n, u8 type, u8 what, u16 value, u16 length) {
    struct port *p = &port[n];
    struct trb done, *t = &control[n][p->at];
    u32 in = type >> 7;
    *t++ = (struct trb){type | what << 8 | value << 16, length << 16, 8, SETUP << 10 | 1 << 6 | (length ? 3 << 16 : 0) | 1};
    if (length) *t++ = (struct trb){(u32)buffer, 0, length, DATA << 10 | in << 16 | 1};
    *t++ = (struct trb){0, 0, 0, STATUS << 10 | (in ? 0 : 1 << 16) | 1 << 5 | 1};
    p->at = t - control[n];
    doorbells[p->slot] = 1;
    return wait_event(TRANSFER_EVENT, &done, 110) && done.status >> 24 == 1;
}

static void forget(u32 n) {
    if (port[n].slot) command(DISABLE_SLOT, 0, port[n].slot, 0);
    port[n] = (struct port){0};
}

static void clear(void *p, u32 size) {
    for (u8 *b = p; size--; b++) *b = 0;
}

/* Address, read the device and configuration descriptors, set the configuration. */
static void enumerate(u32 n) {
    static const u16 packet[] = {8, 8, 8, 64, 512, 512};
    volatile u32 *portsc = op + 0x100 + 4 * n;
    struct port *p = &port[n];
    p->known = p->failed = 1;
    if (!(*portsc & PED)) {
        *portsc = PP | PR;
        for (u32 start = ticks; !(*portsc & PED) && ticks - start < 18;) sleep_a_tick();
    }
    *portsc = PP | CHANGES;
    p->speed = *portsc >> 10 & 15;
    if (command(ENABLE_SLOT, 0, 0, &p->slot) != 1 || p->slot >= SLOTS) return;
    clear(control[n], sizeof control[n]);
    clear(output[n], sizeof output[n]);
    clear(input, sizeof input);
    contexts[p->slot] = (u32)output[n];
    input[1] = 3;
    input[8] = 1 << 27 | p->speed << 20;
    input[9] = (n + 1) << 16;
    input[17] = 3 << 1 | 4 << 3 | packet[p->speed > 5 ? 5 : p->speed] << 16;
    input[18] = (u32)control[n] | 1;
    input[20] = 8;
    if (command(ADDRESS_DEVICE, input, p->slot, 0) != 1) return;
    if (!request(n, 0x80, 6, 0x100, 18)) return;
    p->id = *(u16 *)(buffer + 8) << 16 | *(u16 *)(buffer + 10);
    if (!request(n, 0x80, 6, 0x200, 9)) return;
    if (!request(n, 0, 9, buffer[5], 0)) return;
    p->failed = 0;
}

static void report(void) {
    say("usb");
    for (u32 n = 0; n < ports; n++) {
        if (!port[n].known) continue;
        say(" ");
        say_dec(n + 1);
        say("/");
        say_dec(port[n].speed);
        say("/");
        say_hex(port[n].id >> 16, 4);
        say(":");
        say_hex(port[n].id, 4);
        if (port[n].failed) say("/failed");
    }
    say("\n");
}

static u32 pci(u32 device, u32 reg) {
    out32(0xcf8, 0x80000000 | device << 8 | reg);
    return in32(0xcfc);
}

static void pci_write(u32 device, u32 reg, u32 v) {
    out32(0xcf8, 0x80000000 | device << 8 | reg);
    out32(0xcfc, v);
}

static int start_controller(void) {
    u32 device, base;
    for (device = 0; device < 256 && pci(device, 8) >> 8 != 0x0c0330; device++) {}
    if (device == 256) return 0;
    /* Nobody has given it an address yet. */
    base = 0xc0000000;
    pci_write(device, 0x10, base);
    pci_write(device, 0x14, 0);
    pci_write(device, 4, 6);
    command_cycle = event_cycle = 1;
    volatile u32 *cap = (u32 *)base;
    op = (u32 *)(base + (cap[0] & 0xff));
    ports = cap[1] >> 24;
    if (ports > PORTS) ports = PORTS;
    doorbells = (u32 *)(base + cap[5]);
    interrupter = (u32 *)(base + cap[6] + 0x20);
    op[0] = 0;
    while (!(op[1] & 1)) sleep_a_tick();
    op[0] = 2;
    while (op[0] & 2 || op[1] & 1 << 11) sleep_a_tick();
    op[14] = SLOTS - 1;
    op[12] = (u32)contexts;
    op[13] = 0;
    op[6] = (u32)commands | 1;
    op[7] = 0;
    segment[0] = (u32)events;
    segment[2] = EVENTS;
    interrupter[2] = 1;
    interrupter[6] = (u32)events;
    interrupter[7] = 0;
    interrupter[4] = (u32)segment;
    interrupter[5] = 0;
    op[0] = 1;
    return 1;
}

__attribute__((used)) static void guest(void) {
    start_timer();
    say("up\n");
    if (!start_controller()) say("no controller\n");
    else report();
    for (;;) {
        int changed = 0;
        struct trb stale;
        sleep_a_tick();
        for (u32 n = 0; n < ports; n++) {
            volatile u32 *portsc = op + 0x100 + 4 * n;
            u32 now = *portsc;
            if (port[n].known && (now & CSC || !(now & CCS))) {
                *portsc = PP | CHANGES;
                forget(n);
                changed = 1;
                now = *portsc;
            }
            if (!port[n].known && now & CCS) {
                enumerate(n);
                changed = 1;
            }
        }
        if (ports) wait_event(0, &stale, 0);
        if (changed) report();
    }
}

/* From the reset vector in real mode to guest() in flat protected mode: the ROM's last 256 bytes. */
__asm__(".section .reset, \"ax\"\n"
        ".code16\n"
        "begin: cli\n"
        " lgdtl %cs:(gdt_pointer - begin + 0xff00)\n"
        " mov $1, %eax\n"
        " mov %eax, %cr0\n"
        " ljmpl $8, $flat\n"
        ".code32\n"
        "flat: mov $16, %eax\n"
        " mov %eax, %ds\n"
        " mov %eax, %es\n"
        " mov %eax, %ss\n"
        " mov $0x90000, %esp\n"
        " mov $0x10000, %edi\n"
        " mov $0x10000, %ecx\n"
        " xor %eax, %eax\n"
        " cld\n"
        " rep stosl\n"
        " call guest\n"
        ".align 8\n"
        "gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff\n"
        "gdt_pointer: .word 23\n"
        " .long gdt\n"
        ".org 0xf0\n"
        ".code16\n"
        ".globl _start\n"
        "_start: ljmp $0xf000, $0xff00\n"
        ".org 0x100\n"
        ".code32\n"
        ".text\n");
