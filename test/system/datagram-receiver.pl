# Receives datagrams on the unix socket named first, and prints each as one line (\ and newlines escaped).
use strict;
use warnings;
use Socket;

my $path = shift;
unlink $path;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($socket, sockaddr_un($path)) or die "bind: $!";
$| = 1;
print "ready\n";
while (defined recv($socket, my $message, 65536, 0)) {
    $message =~ s/\\/\\\\/g;
    $message =~ s/\n/\\n/g;
    print "$message\n";
}
