# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Attacks, for scenarios that run programs which make them (tests/system/programs/attack.h):
#   . /testbed/dom0/lib.sh
#   . /testbed/dom0/mediated.sh
#   . /testbed/dom0/attacks.sh
#
# A program stops after each attack. What it has observed is put together with what Xen has counted
# and logged meanwhile, and is one check, and one line of results/attacks.jsonl.

# attack_counters GUEST ID: failures and last error of that device, and failures of all others.
attack_counters() {
    xl virtio-shadow-list -j "$1" 2>/dev/null | awk -v id="$2" '
        $1 == "\"id\":" { mine = $2 + 0 == id }
        $1 == "\"failures\":" { if (mine) failures = $2 + 0; else others += $2 }
        $1 == "\"last_error\":" && mine { error = $2; gsub(/[",]/, "", error) }
        END { print failures + 0, error == "" ? "none" : error, others + 0 }'
}

# attack_log: what Xen has said since the last call, in /run/testbed/attack.log.
attack_log() {
    xl dmesg -c >/run/testbed/attack.log 2>&1
    cat /run/testbed/attack.log >>"$RESULTS/xl-dmesg-early.log"
}

attack_json() {
    printf '%s' "$1" | sed 's/[\\"]/\\&/g; s/[[:cntrl:]]/ /g'
}

# attack_judge: sets why, unless it is set, and adds to observed. Reads the other variables of
# attack_one.
attack_judge() {
    read -r now error others <<END
$(attack_counters "$attack_guest" "$attack_id")
END
    attack_log
    delta=$((now - attack_failures))
    attack_failures=$now
    # How long Xen has worked for it is no failure.
    lines=$(grep "virtio-shadow: d$attack_domid device ${attack_id}[ :]" /run/testbed/attack.log |
        grep -vc ' us at a time$')
    observed="$observed${observed:+; }device failures +$delta"
    [ "$delta" -eq 0 ] || observed="$observed (error $error)"
    observed="$observed; other devices' +$((others - attack_others)); lines in Xen's log: $lines"
    [ -z "$why" ] || return
    if [ "$want_failures" != "*" ] && [ "$delta" -ne "$want_failures" ]; then
        why="the device failed $delta times instead of $want_failures"
    elif [ "$delta" -gt 0 ] && [ "$want_error" != "*" ] && [ "$error" != "$want_error" ]; then
        why="the last error is $error instead of $want_error, $text"
    elif [ "$others" -ne "$attack_others" ]; then
        why="another device failed"
    elif [ "$lines" -gt "$delta" ]; then
        why="Xen said more than once that the device failed"
    # Of several failures, Xen may have reported another: it limits its messages.
    elif [ "$lines" -gt 0 ] && [ "$lines" -eq "$delta" ] &&
        ! grep -qF "$text" /run/testbed/attack.log; then
        why="Xen said something else than: $text"
    elif [ -n "$attack_harmed" ]; then
        why=$attack_harmed
    elif grep -qE 'Xen (WARN|BUG) at|Assertion .* failed|Panic on CPU' /run/testbed/attack.log; then
        why="Xen found something wrong with itself"
    fi
}

# attack_bystander: chains that devices of the guest but the attacked one have returned, the time
# in hundredths of a second, and the longest that Xen has worked for one of them at a time, in us.
attack_bystander() {
    xl virtio-shadow-list -j "$attack_guest" 2>/dev/null | awk -v id="$attack_id" '
        $1 == "\"id\":" { mine = $2 + 0 == id }
        $1 == "\"longest_ns\":" { longest = $2 / 1000 }
        $1 == "\"longest_ns\":" && !mine && longest > most { most = longest }
        $1 == "\"returned\":" && !mine { returned += $2 }
        END { getline up <"/proc/uptime"; printf "%d %d %d\n", returned, up * 100, most }'
}

# attack_rate: chains in 10 s, since watch_since. Reads the other variables of attack_watch.
attack_rate() {
    echo $(((returned - watch_returned) * 1000 / (now - watch_since)))
}

# attack_harm RATE US: on the machine that repeats (its disks are RAM disks), says if a bystander did
# worse than it may: it keeps 0.8 of its rate, and its vCPU is in Xen for VSH_RUN_MAX at most.
attack_harm() {
    case $(readlink /dev/disk/guest1) in
        /dev/ram*) ;;
        *) return ;;
    esac
    awk -v rate="$1" -v us="$2" 'BEGIN {
        if (rate < 0.8) print "a bystander had " rate " of its rate"
        else if (us > 2000) print "a bystander was kept in Xen for " us " us" }'
}

# attack_watch LINE: a part of an attack begins. What a bystander does in "storm" is compared with
# what it did in "quiet", in attack_watched, and in attack_harmed if that is too little.
attack_watch() {
    part=${1#*@@WATCH }
    read -r returned now longest <<END
$(attack_bystander)
END
    case $part in
        quiet*) ;;
        storm*) attack_quiet=$(attack_rate) ;;
        end*)
            rate=$(awk -v quiet="$attack_quiet" -v storm="$(attack_rate)" \
                'BEGIN { printf "%.2f", quiet ? storm / quiet : 0 }')
            attack_watched=", \"bystander_rate\": $rate, \"longest_us\": $longest"
            attack_harmed=$(attack_harm "$rate" "$longest")
            log "bystander: $attack_quiet chains in 10 s before$attack_watched"
            ;;
    esac
    watch_returned=$returned
    watch_since=$now
}

# attack_one LINE
attack_one() {
    IFS='|' read -r side name expected observed why want_failures want_error text class _ <<END
${1#*@@ATTACK }
END
    attack_judge
    if [ -z "$why" ]; then
        pass=true
        ok "$side: $name"
    else
        pass=false
        not_ok "$side: $name" "$why; $observed"
        observed="$why; $observed"
    fi
    [ "$class" -eq 0 ] && class= || class=", \"class\": $class"
    class=$class$attack_watched
    attack_watched=
    attack_harmed=
    printf '{"name": "%s", "side": "%s", "expected": "%s", "observed": "%s", "pass": %s%s}\n' \
        "$(attack_json "$name")" "$side" "$(attack_json "$expected")" \
        "$(attack_json "$observed")" "$pass" "$class" >>"$RESULTS/attacks.jsonl"
    attacks_seen=$((attacks_seen + 1))
}

# attacks GUEST ID DOMAIN SECONDS COMMAND: on device ID of GUEST, by a program that runs in DOMAIN,
# at least some, each within so many seconds.
attacks() {
    attack_guest=$1
    attack_id=$2
    attack_domid=$(domid "$1")
    attacks_seen=0
    attack_watched=
    attack_harmed=
    attack_log
    read -r attack_failures _ attack_others <<END
$(attack_counters "$1" "$2")
END
    attack_tty=$(xenstore-read "/local/domain/$(domid "$3")/console/tty")
    exec 5<"$(console_log "$3")"
    # The file's end is where this begins to read: the offset is shared.
    cat <&5 >/dev/null
    guest_start "$3" "ATTACK_WAIT=1 $5"
    line=
    limit=$(($(cut -d. -f1 /proc/uptime) + $4))
    status=
    while [ -z "$status" ]; do
        if ! IFS= read -r more <&5; then
            # The end, perhaps in the middle of a line.
            line=$line$more
            read -r uptime _ </proc/uptime
            if [ "${uptime%.*}" -ge "$limit" ]; then
                status=124
                break
            fi
            sleep 0.02
            continue
        fi
        line=$line$more
        case $line in
            *"@@ATTACK "*"|@@"*)
                attack_one "$line"
                limit=$(($(cut -d. -f1 /proc/uptime) + $4))
                echo "0 go" >"$attack_tty"
                ;;
            *"@@WATCH "*"|@@"*)
                attack_watch "$line"
                echo "0 go" >"$attack_tty"
                ;;
            *"@@DONE $GUEST_SEQ "*)
                status=${line##*"@@DONE $GUEST_SEQ "}
                status=${status%%[!0-9]*}
                ;;
            *"backend: "* | *"peer: "* | *"driver: "*) log "$line" ;;
        esac
        line=
    done
    exec 5<&-
    # 1: attacks that were not as expected, which have been reported.
    if [ "$status" -gt 1 ] || [ "$attacks_seen" -eq 0 ]; then
        not_ok "$3: ${5%% *} ends well" "status $status after $attacks_seen attacks"
    fi
}
