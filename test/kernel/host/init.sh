#!/bin/bash
# The first process in the user-mode-linux kernel. Its root is the machine's own disk (hostfs), so the first thing it does
# is to put an overlay over it: whatever is written from here on is written to memory. Then modules, then the tests.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C LC_ALL=C TERM=dumb
halt() { # poweroff(8) may not be installed; perl-base always is. reboot(2), LINUX_REBOOT_CMD_POWER_OFF
  sync
  perl -e 'syscall(169, 0xfee1dead, 672274793, 0x4321fedc)'
}
fail() {
  echo "@@lab failed: $*"
  halt
}

if [ "$1" != inside ]; then
  stty -opost 2>/dev/null
  mount -t proc proc /proc || fail 'no /proc'
  mount -t tmpfs tmpfs /mnt || fail 'no tmpfs on /mnt'
  mkdir -p /mnt/lib /mnt/over /mnt/work /mnt/root
  ln -s /usr/lib/uml/modules /mnt/lib/modules
  modprobe -d /mnt overlay || fail 'no overlay module'
  mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/over,workdir=/mnt/work /mnt/root || fail 'no overlay on the root'
  mkdir -p /mnt/root/mnt/disk
  mount --make-rprivate /
  mount --bind "$LAB_DIR" "/mnt/root$LAB_DIR" || fail "cannot keep $LAB_DIR"
  cd /mnt/root && pivot_root . mnt/disk || fail 'pivot_root'
  exec chroot . "$LAB_DIR/init.sh" inside
fi

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/lock
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
umount -l /mnt/disk

release=$(uname -r)
mkdir -p /lib/modules
rm -rf "/lib/modules/$release"
ln -s "/usr/lib/uml/modules/$release" "/lib/modules/$release"
schedulers=$(cd "/lib/modules/$release/kernel/net/netfilter/ipvs" && ls | sed -n 's/^\(ip_vs_[a-z]*\)\.ko.*/\1/p')
# ipv6 first: ip_vs looks for it.
modprobe -a ipv6 ip_vs || fail 'no ip_vs module'
# shellcheck disable=SC2086
modprobe -a $schedulers veth dummy bridge iptable_nat iptable_filter iptable_mangle ip6table_nat ip6table_mangle \
  ip6table_filter xt_REDIRECT xt_mark xt_tcpudp || fail 'a module is missing'
ip link set lo up

echo '@@lab begin'
"$LAB_DIR/tests.sh" </dev/null
echo "@@lab end $?"
halt
