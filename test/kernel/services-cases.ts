// What services.test.ts expects of each virtual of configs/every-service.cf ("tcp 80" is its protocol and port) while all its real
// servers behave in one way, where ldirectord differs and why, and the scripts of its external checks.
import type { Behaviour } from './lab/servers/switched.ts';

const OFF = ['tcp 7006'];
/** checktype = on, service = none. */
const ON = ['tcp 7007', 'tcp 7010'];
/** A connection is enough. */
const CONNECT = ['tcp 7002'];
const PING = ['tcp 7008', 'udp 7009'];

const among =
  (...names: string[]) =>
  (virtual: string): boolean =>
    names.includes(virtual);

/** The virtuals whose servers are up. */
export const UP: Readonly<Record<Behaviour, (virtual: string) => boolean>> = {
  up: (virtual) => !OFF.includes(virtual),
  wrong: among(...ON, ...CONNECT, ...PING),
  silent: among(...ON, ...CONNECT),
  refused: among(...ON),
};

/** A virtual whose servers ldirectord judges the other way. */
export interface Difference {
  readonly all: Behaviour;
  readonly virtual: string;
  readonly why: string;
}

export const LDIRECTORD: readonly Difference[] = [
  { all: 'up', virtual: 'tcp 1443', why: 'https wants a certificate of an authority that the system trusts' },
  { all: 'refused', virtual: 'tcp 1110', why: 'pop without login is up on a closed port' },
  { all: 'wrong', virtual: 'tcp 1110', why: 'pop without login is up whatever the greeting' },
  { all: 'wrong', virtual: 'tcp 1143', why: 'imap without login is up whatever the greeting' },
  { all: 'refused', virtual: 'tcp 2121', why: 'ftp without receive is up on a closed port' },
  { all: 'wrong', virtual: 'tcp 2121', why: 'ftp without receive is up when it cannot log in' },
];

/**
 * With fork = yes ldirectord's process for an ldap virtual ends when a server refuses the connection or the bind, with or without
 * having taken it down, and is started anew later: what it makes of these servers is not compared.
 */
export const UNDECIDED: Readonly<Partial<Record<Behaviour, readonly string[]>>> = {
  refused: ['10.8.8.45:389', '10.8.8.45:636'],
  wrong: ['10.8.8.45:389'],
};

/** Asks the server itself: one line, which must be "found". */
export const CHECK = `#!/bin/bash
host=\${3#[}
exec 3<>"/dev/tcp/\${host%]}/$4" && read -r -t 1 line <&3 && [ "$line" = found ]
`;

export const CHECK_PERL = `#!/usr/bin/perl
use strict;
use warnings;
use IO::Socket::IP;
my $socket = IO::Socket::IP->new(PeerHost => $ARGV[2], PeerPort => $ARGV[3], Timeout => 1) or exit 1;
exit((<$socket> // '') eq "found\\n" ? 0 : 1);
`;
