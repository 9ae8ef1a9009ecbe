# The least that can be done by hand: one `ip -batch` for namespaces and links, then the same daemons from a shell loop,
# all routers at once. One after the other is three times slower on a machine with other work.
# Each router gets a session of its own, as faultlab's have: with the kernel's autogroups that decides how much of a busy
# machine it gets.
# Runs in a mount and pid namespace of its own, so that nothing stays when it is interrupted. Speaks line by line with the
# bench, which holds its standard input: an end of file there is the end of everything here.
set -eu
cd "$1"
mount -t tmpfs floor /run
mount -t tmpfs floor /var/tmp
mkdir -p /run/netns /run/frr /var/tmp/frr
chown frr:frr /run/frr /var/tmp/frr
nodes=(nodes/*)
nodes=("${nodes[@]##*/}")
echo prepared

read -r _
ip -batch links
mkdir "${nodes[@]/#//run/frr/}"
chown frr:frr "${nodes[@]/#//run/frr/}"
for node in "${nodes[@]}"; do
    setsid nsenter --net="/run/netns/$node" sh -c '
        echo 1 >/proc/sys/net/ipv4/ip_forward
        ip -batch nodes/$1/up
        for daemon in zebra staticd ospfd; do
            /usr/lib/frr/$daemon -d -N $1 -f $PWD/nodes/$1/$daemon.conf -A 127.0.0.1 -P 0 \
                --log file:/run/frr/$1/$daemon.log --log-level informational
        done' sh "$node" >/dev/null 2>&1 &
done
wait
echo up

read -r _
kill -KILL $(cat /run/frr/*/*.pid)
ip -batch down
echo down
read -r _
