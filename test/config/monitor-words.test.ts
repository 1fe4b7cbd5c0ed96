// How a monitorfile names a server and its check: rows recorded from Debian's ldirectord 4.12 and, below them, what it does not know.
import { expect, test } from 'vitest';
import { defaultService } from '../../src/config/check-plan.ts';
import { last } from '../../src/config/directives.ts';
import { monitorWords } from '../../src/config/monitor-words.ts';
import { parse } from '../../src/config/parse.ts';
import { configOf } from '../config-of.ts';

function wordsOf(text: string): string[] {
  const block = parse(text).virtuals[0];
  const virtual = configOf(text).virtuals[0];
  if (block === undefined || virtual === undefined) throw new Error('no virtual');
  const { given } = block;
  const settings = {
    virtual,
    given,
    checkType: last(given, 'checktype')?.value ?? 'negotiate',
    service: last(given, 'service')?.value ?? defaultService(virtual),
  } as const;
  const texts = [...(given.real ?? []), ...(given.real6 ?? [])];
  return virtual.reals.map((real, index) => {
    const own = texts[index]?.value;
    if (own === undefined) throw new Error('no real');
    return monitorWords(settings, real, own);
  });
}

const RECORDED: readonly [string, readonly string[]][] = [
  [
    `virtual=10.9.9.1:80
	real=127.0.0.1:8099 gate 5 "lb\\.html|x:y","fou?nd\\s+it"
	real=127.0.0.1:8098 masq
	service=http
	virtualhost=www.example.com:81
	request="index.html"
	receive="nope"`,
    [
      'negotiate http tcp 127.0.0.1 8099 www.example.com 81 5 gate /lb.html|x y fou?nds+it',
      'negotiate http tcp 127.0.0.1 8098 www.example.com 81 1 masq /index.html nope',
    ],
  ],
  [
    `virtual6=[fd00::9]:80
	real6=[::1]:8097 gate
	checktype=1
	checkport=8099
	service=http
	request="/a%20b c"`,
    ['combined http tcp [ 1] 8097 8099 1 gate /a%20b c '],
  ],
  [
    `virtual=10.9.9.1:25
	real=127.0.0.2 masq
	checktype=external
	checkcommand=/bin/sh -c "exit 1"`,
    ['external /bin/sh -c "exit 1" tcp 127.0.0.2 0 1 masq / '],
  ],
  [
    `virtual=10.9.9.1:26
	real=127.0.0.2 masq
	checktype=external
	checkcommand="/bin/true foo::bar"`,
    ['external /bin/true foo bar tcp 127.0.0.2 0 1 masq / '],
  ],
  ['virtual=7\n\treal=127.0.0.3:80 gate\n\tchecktype=connect', ['connect fwm 127.0.0.3 80 1 gate / ']],
  [
    'virtual=10.9.9.1:53\n\treal=127.0.0.4:53 gate\n\trequest="example.com"\n\treceive="1.2.3.4"',
    ['negotiate dns udp 127.0.0.4 53 1 gate /example.com 1.2.3.4'],
  ],
  [
    'virtual=10.9.9.1:389\n\treal=127.0.0.4:389 gate\n\trequest="cn=x,dc=y"',
    ['negotiate ldap tcp 127.0.0.4 389 1 gate /cn=x,dc=y '],
  ],
  [
    'virtual=10.9.9.1:27\n\treal=127.0.0.5 gate\n\tchecktype=negotiate\n\tservice=none',
    ['negotiate none tcp 127.0.0.5 0 1 gate / '],
  ],
  ['virtual=10.9.9.1:28\n\treal=127.0.0.6 gate\n\tchecktype=ping', ['ping tcp 127.0.0.6 0 1 gate / ']],
];

const OURS: readonly [string, readonly string[]][] = [
  [
    'virtual=10.0.0.1:6379\n\treal=10.0.0.2:6379 gate\n\tservice=redis\n\trequest="GET a\\\\b"',
    ['negotiate redis tcp 10.0.0.2 6379 1 gate /GET ab '],
  ],
  [
    'virtual=10.0.0.1:80\n\treal=10.0.0.2:80 ipip 0\n\tchecktype=external-perl\n\tcheckcommand=/x.pl',
    ['external-perl /x.pl tcp 10.0.0.2 80 0 ipip / '],
  ],
];

test.each([...RECORDED, ...OURS])('%s', (text, expected) => {
  expect(wordsOf(`${text}\n`)).toEqual(expected);
});
