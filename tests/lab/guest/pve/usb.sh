# shellcheck shell=bash disable=SC2034,SC2154
# usb.sh: passed-through USB devices, the way PVE turns them into QEMU's arguments, and the guest behind them.

usb_sys=/sys/bus/usb/devices

# The path or id a mapping stands for; PVE compares the id with what is plugged in now.
usb_mapped() {
    local entry id='' path='' d live
    entry=$(awk -v id="$1" '
        /^[^ \t]/ { on = ($1 == id) }
        on && $1 == "map" && /node=lab(,|$)/ { print $2 }' /etc/pve/mapping/usb.cfg 2>/dev/null)
    [[ $entry ]] || die "USB device mapping not found for '$1'"
    [[ $entry != *$'\n'* ]] || die "More than one USB mapping per host not supported"
    for d in ${entry//,/ }; do
        case $d in
            id=*) id=${d#*=} ;;
            path=*) path=${d#*=} ;;
        esac
    done
    if [[ $path ]]; then
        d=$usb_sys/$path
        [[ -e $d/idVendor ]] || die "USB Mapping invalid (hardware probably changed): usb device '$path' not found"
        live=$(<"$d/idVendor"):$(<"$d/idProduct")
        [[ $live == "$id" ]] || die "USB Mapping invalid (hardware probably changed): 'id' does not match ('$live' != '$id')"
        printf '%s' "$path"
        return
    fi
    for d in "$usb_sys"/*; do
        [[ -e $d/idVendor && $(<"$d/idVendor"):$(<"$d/idProduct") == "$id" ]] && printf '%s' "$id" && return
    done
    die "USB Mapping invalid (hardware probably changed): usb device '$id' not found"
}

# usb_args: the arguments for all usbN lines into USB_ARGS; none of them, none of these.
usb_args() {
    local n part value bus=xhci.0 port
    USB_ARGS=()
    for ((n = 0; n < 14; n++)); do
        [[ ${cfg[usb$n]:-} ]] || continue
        value=
        for part in ${cfg[usb$n]//,/ }; do
            case $part in
                host=*) value=${part#*=} ;;
                mapping=*) value=$(usb_mapped "${part#*=}") || exit 255 ;;
                *=* | spice) ;;
                *) value=$part ;;
            esac
        done
        [[ $value ]] || continue
        # A port of its own only where PVE has one controller for all.
        port=",port=$((n + 1))"
        if [[ ${cfg[ostype]:-} != @(l26|win8|win10|win11) ]]; then bus=ehci.0 port=''; fi
        if [[ $value =~ ^(0x)?([0-9a-fA-F]{4}):(0x)?([0-9a-fA-F]{4})$ ]]; then
            value="vendorid=0x${BASH_REMATCH[2]},productid=0x${BASH_REMATCH[4]}"
        elif [[ $value =~ ^([0-9]+)-([0-9.]+)$ ]]; then
            value="hostbus=${BASH_REMATCH[1]},hostport=${BASH_REMATCH[2]}"
        else
            die "unable to parse usb$n: '$value'"
        fi
        USB_ARGS+=(-device "usb-host,bus=$bus$port,$value,id=usb$n")
    done
    ((${#USB_ARGS[@]})) || return 0
    if [[ $bus == ehci.0 ]]; then
        USB_ARGS=(-device "usb-ehci,id=ehci" "${USB_ARGS[@]}")
    else
        USB_ARGS=(-device "qemu-xhci,p2=15,p3=15,id=xhci" "${USB_ARGS[@]}")
    fi
}

# guest_args VMID: what makes a guest out of an empty machine: QEMU opens a host device only while the
# CPU runs, and claims it only when a guest configures it. PVE's second monitor (for qmeventd) is here for the scenarios.
guest_args() {
    mkdir -p "/run/lab/guest/$1"
    : >"/run/lab/guest/$1/console"
    GUEST_ARGS=(-bios /usr/lib/lab/usb-guest
        -chardev "file,id=guest,path=/run/lab/guest/$1/console" -device "isa-debugcon,chardev=guest"
        -qmp "unix:/run/lab/guest/$1/second.qmp,server=on,wait=off")
}

# --- the guest agent

guest_knob() { knob "guest-$1" || knob "guest-$1.$2"; }

# guest_devices VMID: "BUS-PORT SPEED VVVV:PPPP" per device: what the guest's last line says, or
# /run/lab/guest/VMID/usb, a list of ids, where a scenario wrote one.
guest_devices() {
    local dir=/run/lab/guest/$1 line item port speed id n=0
    local -A mbps=([1]=12 [2]=1.5 [3]=480 [4]=5000)
    if [[ -e $dir/usb ]]; then
        while read -r id; do printf '2-%d 5000 %s\n' $((++n)) "$id"; done <"$dir/usb"
        return
    fi
    line=$(grep -a '^usb' "$dir/console" 2>/dev/null | tail -n 1)
    for item in ${line#usb}; do
        IFS=/ read -r port speed id _ <<<"$item"
        # The controller counts its USB 3 ports first.
        if ((port <= 15)); then port=2-$port; else port=1-$((port - 15)); fi
        printf '%s %s %s\n' "$port" "${mbps[$speed]:-5000}" "$id"
    done
}

# guest_tree VMID: the guest's /sys/bus/usb/devices.
guest_tree() {
    local top=/run/lab/guest/$1/devices port speed id bus n=0 list dirs=()
    list=$(printf 'usb1 480 1d6b:0002\nusb2 5000 1d6b:0003\n' && guest_devices "$1")
    rm -rf "$top"
    while read -r port _; do dirs+=("$top/$port/power"); done <<<"$list"
    mkdir -p "${dirs[@]}"
    while read -r port speed id; do
        bus=${port#usb}
        echo "${id%:*}" >"$top/$port/idVendor"
        echo "${id#*:}" >"$top/$port/idProduct"
        echo "$speed" >"$top/$port/speed"
        echo "${bus%%-*}" >"$top/$port/busnum"
        echo $((++n)) >"$top/$port/devnum"
        echo 1 >"$top/$port/authorized"
        echo 1 >"$top/$port/bConfigurationValue"
        echo on >"$top/$port/power/control"
    done <<<"$list"
}

# qm guest exec VMID [--timeout N] [--synchronous 0|1] -- COMMAND...: runs on this machine, with the guest's
# USB devices in place of its own.
guest_exec() {
    local vmid=$1 timeout=30 status out
    shift
    load_config "$vmid"
    while (($#)); do
        case $1 in
            --timeout | -timeout) timeout=$2 && shift ;;
            --timeout=*) timeout=${1#*=} ;;
            --synchronous | -synchronous) shift ;;
            --) shift && break ;;
            -*) die "Unknown option: ${1#--}" ;;
            *) break ;;
        esac
        shift
    done
    running_pid "$vmid" >/dev/null || die "VM $vmid is not running"
    case ,${cfg[agent]:-0}, in
        ,1,* | ,on,* | ,yes,* | ,true,* | *,enabled=1,*) ;;
        *) die "No QEMU guest agent configured" ;;
    esac
    printf '%s\n' "$*" >>"/run/lab/log/guest-exec.$vmid"
    ! guest_knob silent "$vmid" || die "QEMU guest agent is not running"
    if guest_knob hangs "$vmid"; then exec sleep 1000; fi
    if guest_knob garbage "$vmid"; then
        head -c 4000 /dev/urandom
        return 0
    fi
    if guest_knob timeout "$vmid"; then
        printf '{\n   "pid" : 17\n}\n'
        echo timeout >&2
        return 0
    fi
    if guest_knob exit "$vmid"; then
        printf '{\n   "err-data" : "sh: 1: not found\\n",\n   "exitcode" : 127,\n   "exited" : 1\n}\n'
        return 0
    fi
    guest_tree "$vmid"
    status=0
    # shellcheck disable=SC2016
    timeout "$timeout" unshare -m bash -c 'mount --bind "$1" /sys/bus/usb/devices && shift && exec "$@"' guest \
        "/run/lab/guest/$vmid/devices" "$@" >"/run/lab/guest/$vmid/out" 2>"/run/lab/guest/$vmid/err" </dev/null || status=$?
    if ((status == 124)); then
        printf '{\n   "pid" : 17\n}\n'
        echo timeout >&2
        return 0
    fi
    printf '{\n'
    for out in err out; do
        [[ ! -s /run/lab/guest/$vmid/$out ]] || printf '   "%s-data" : %s,\n' $out "$(/usr/lib/lab/qmp quote "/run/lab/guest/$vmid/$out")"
    done
    printf '   "exitcode" : %d,\n   "exited" : 1\n}\n' $status
}

# qm monitor VMID: each line of stdin to the human monitor.
monitor() {
    local line
    running_pid "$1" >/dev/null || die "VM $1 is not running"
    printf 'Entering QEMU Monitor for VM %s - type '\''help'\'' for help\n' "$1"
    while read -r line && [[ $line != quit ]]; do
        /usr/lib/lab/qmp ask "$run_dir/$1.qmp" \
            "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"${line//\"/\\\"}\"}}" | jq -r '.return // .error.desc // empty'
    done
}
