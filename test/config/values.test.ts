// Every value parser: text -> value, or the underlined text and the message. Whole messages with their hints are in fixtures/broken.
import { expect, test } from 'vitest';
import type { Spot } from '../../src/config/diagnostic.ts';
import * as values from '../../src/config/values.ts';
import { outcome, spot } from './spot.ts';

const textOf =
  (parse: (value: Spot) => Spot) =>
  (value: Spot): string =>
    parse(value).text;
const request = textOf((value) => values.quotedSpot(value, 'a request'));
const small = values.wholeNumber(2, 10);
const word = values.oneOf('tcp', 'udp', 'fwm');

test.each<[name: string, parse: (value: Spot) => unknown, text: string, expected: unknown]>([
  ['number', small, '2', 2],
  ['number', small, '10', 10],
  ['number', small, '"7"', 7],
  ['number', small, '007', 7],
  ['number', small, '1', '[1] 1 is out of range'],
  ['number', small, '11', '[11] 11 is out of range'],
  ['number', small, '"11"', '[11] 11 is out of range'],
  ['number', small, '', '[] the value is missing'],
  ['number', small, '""', '["] the value is missing'],
  ['number', small, '5min', '[min] "min" after the number makes no sense'],
  ['number', small, '5 min', '[min] "min" after the number makes no sense'],
  ['number', small, '5.0', '[.0] ".0" after the number makes no sense'],
  ['number', small, '1e1', '[e1] "e1" after the number makes no sense'],
  ['number', small, '0x5', '[x5] "x5" after the number makes no sense'],
  ['number', small, 'foo3bar', '[foo3bar] "foo3bar" is not a whole number'],
  ['number', small, '-5', '[-5] "-5" is not a whole number'],
  ['number', small, '٣', '[٣] "٣" is not a whole number'],
  ['weight', values.weightOf, 'heavy', '[heavy] "heavy" is not a weight'],
  ['port', values.port, '65535', 65535],
  ['port', values.port, '65536', '[65536] 65536 is out of range'],

  ['yes or no', values.yesNo, 'yes', true],
  ['yes or no', values.yesNo, '"no"', false],
  ['yes or no', values.yesNo, 'YES', '[YES] "YES" is neither yes nor no'],
  ['yes or no', values.yesNo, '', '[] the value is missing'],

  ['one of', word, 'udp', 'udp'],
  ['one of', word, '"udp"', 'udp'],
  ['one of', word, 'UDP', '[UDP] "UDP" is not known here'],
  ['one of', word, '"tcp" udp', '["tcp" udp] ""tcp" udp" is not known here'],

  ['quoted', request, '"a b"', 'a b'],
  ['quoted', request, 'a', 'a'],
  ['quoted', request, '"a"b"', 'a"b'],
  ['quoted', request, '"', '["] this quote is never closed'],
  ['quoted', request, '"a', '["] this quote is never closed'],
  ['quoted', request, 'a"', '[a"] a value with blanks or quotes in it needs quotes round it'],
  ['quoted', request, "'a'", "['a'] single quotes do not count as quotes"],
  ['quoted', request, '"a" b', '[ b] there is text after the closing quote'],
  ['quoted', request, '""', '[""] the value is empty'],

  ['command', values.command, '/bin/a', ['/bin/a']],
  ['command', values.command, '/bin/a  b\tc', ['/bin/a', 'b', 'c']],
  ['command', values.command, '"/bin/a b"', ['/bin/a', 'b']],
  ['command', values.command, `"/bin/a 'b c' d"`, ['/bin/a', 'b c', 'd']],
  ['command', values.command, '"/bin/a "b c" d"', ['/bin/a', 'b c', 'd']],
  ['command', values.command, '"/bin/a "b c""', ['/bin/a', 'b c']],
  ['command', values.command, '"/my dir/a" "b"', ['/my dir/a', 'b']],
  ['command', values.command, '/bin/a "" --b="c d"', ['/bin/a', '', '--b=c d']],
  ['command', values.command, '/bin/a $(x) > /y', ['/bin/a', '$(x)', '>', '/y']],
  ['command', values.command, '', '[] the command is missing'],
  ['command', values.command, '" "', '[" "] the command is missing'],
  ['command', values.command, '/bin/a "b', '["] this quote is never closed'],

  ['path', values.absolutePath, '"/a b"', '/a b'],
  ['path', values.absolutePath, 'a', '[a] "a" is not an absolute path'],

  ['log', values.logTarget, '/a', { kind: 'file', path: '/a' }],
  ['log', values.logTarget, '"local7"', { kind: 'syslog', facility: 'local7' }],
  ['log', values.logTarget, 'local8', '[local8] "local8" is neither a path nor a syslog facility'],

  ['sync', values.syncDaemon, 'eth0', { interface: 'eth0', syncId: 0 }],
  ['sync', values.syncDaemon, 'eth0 255', { interface: 'eth0', syncId: 255 }],
  ['sync', values.syncDaemon, '"bond0.45-x_y+~  \t 07"', { interface: 'bond0.45-x_y+~', syncId: 7 }],
  ['sync', values.syncDaemon, '6to4', { interface: '6to4', syncId: 0 }],
  ['sync', values.syncDaemon, 'a234567890bcdef', { interface: 'a234567890bcdef', syncId: 0 }],
  ['sync', values.syncDaemon, '', '[] the value is missing'],
  ['sync', values.syncDaemon, '""', '["] the value is missing'],
  [
    'sync',
    values.syncDaemon,
    'a234567890bcdefg',
    '[a234567890bcdefg] "a234567890bcdefg" is not the name of a network interface',
  ],
  ['sync', values.syncDaemon, 'eth0/1 3', '[eth0/1] "eth0/1" is not the name of a network interface'],
  ['sync', values.syncDaemon, 'eth0:1', '[eth0:1] "eth0:1" is not the name of a network interface'],
  ['sync', values.syncDaemon, 'eth0.45@eth0', '[eth0.45@eth0] "eth0.45@eth0" is not the name of a network interface'],
  ['sync', values.syncDaemon, '10.8.8.46', '[10.8.8.46] "10.8.8.46" is not the name of a network interface'],
  ['sync', values.syncDaemon, '7', '[7] "7" is not the name of a network interface'],
  ['sync', values.syncDaemon, '"eth0 7', '["eth0] ""eth0" is not the name of a network interface'],
  ['sync', values.syncDaemon, '..', '[..] ".." is not the name of a network interface'],
  ['sync', values.syncDaemon, 'eth0 256', '[256] 256 is out of range'],
  ['sync', values.syncDaemon, 'eth0 -1', '[-1] "-1" is not a syncid'],
  ['sync', values.syncDaemon, 'eth0 id', '[id] "id" is not a syncid'],
  ['sync', values.syncDaemon, 'eth0 1 2', '[2] "2" after the number makes no sense'],
  ['sync', values.syncDaemon, 'eth0,1', '[eth0,1] "eth0,1" is not the name of a network interface'],
  ['sync', values.syncDaemon, '--help', '[--help] "--help" is not the name of a network interface'],

  ['mail', values.mailAddresses, 'root', ['root']],
  ['mail', values.mailAddresses, '"a@b, c@d ,e"', ['a@b', 'c@d', 'e']],
  ['mail', values.mailAddresses, 'a@b, c d', '[c d] "c d" is not a mail address'],
  ['mail', values.mailAddresses, 'a@b,', '[] a mail address is missing here'],

  ['states', values.alertStates, 'all', ['starting', 'running', 'stopping', 'reloading']],
  ['states', values.alertStates, 'none', []],
  ['states', values.alertStates, '"stopping, starting"', ['starting', 'stopping']],
  ['states', values.alertStates, 'all, running', ['starting', 'running', 'stopping', 'reloading']],
  ['states', values.alertStates, 'running, none', '[running, none] "none" stands beside other states'],
  ['states', values.alertStates, 'running,', '[] a daemon state is missing here'],

  ['check type', values.checkType, 'external-perl', 'external-perl'],
  ['check type', values.checkType, '"ping"', 'ping'],
  ['check type', values.checkType, '12', 12],
  ['check type', values.checkType, 'Ping', '[Ping] "Ping" is not a check type'],

  ['scheduler', values.scheduler, '"mh"', 'mh'],
  ['scheduler', values.scheduler, 'w-lc', '[w-lc] "w-lc" is not the name of a scheduler'],

  [
    'flags',
    values.schedulerFlags,
    'flag-1, sh-port',
    '[flag-1, sh-port] a value with blanks or quotes in it needs quotes round it',
  ],
  ['flags', values.schedulerFlags, '"flag-1, sh-port"', ['flag-1', 'sh-port']],
  ['flags', values.schedulerFlags, 'flag-4', '[flag-4] "flag-4" is not a scheduler flag'],

  ['netmask', textOf(values.netmask), '"64"', '64'],
  ['regex', (value) => values.perlRegex(value).text, '"a|b"', 'a|b'],
  ['regex', (value) => values.perlRegex(value).text, '"é(b"', '[(] ( is never closed'],
])('%s: %j', (_, parse, text, expected) => {
  expect(outcome(parse, text)).toEqual(expected);
});

test.each([
  ['true', 'write yes'],
  ['On', 'write yes'],
  ['0', 'write no'],
  ['disabled', 'write no'],
  ['perhaps', 'expected yes or no'],
])('yes or no: %s is answered with "%s"', (text, hint) => {
  expect(() => values.yesNo(spot(text))).toThrow(expect.objectContaining({ hint }));
});
