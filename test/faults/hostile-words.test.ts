// What servers, commands and files say to deceive whoever reads it, through everything that shows it: no terminal obeys it, no line,
// field or mail header can be made up.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { alertText, type News } from '../../src/alert-text.ts';
import type { CheckSpec } from '../../src/config/model.ts';
import { Daemon } from '../../src/daemon.ts';
import {
  classicLogger,
  journalLogger,
  jsonLogger,
  type LineSink,
  type Logger,
  supervisedLogger,
  syslogLogger,
  terminalLogger,
} from '../../src/log.ts';
import { MonitorFiles } from '../../src/monitor-file.ts';
import { type Mail, mailer } from '../../src/system/mail.ts';
import { MemoryKernel } from '../../src/system/memory-kernel.ts';
import { check, closeListeners, listen, services } from '../checks/listeners.ts';
import { configOf } from '../config-of.ts';
import { usedMs } from '../loop-holds.ts';
import { scratch } from '../scratch.ts';
import { smtpRecorder } from '../system/smtp-recorder.ts';
import { until } from '../until.ts';

/** MARK is found again in whatever shows it. */
const MARK = 'mark';
const WORDS: readonly (readonly [name: string, words: string])[] = [
  ['a screen that is cleared', `${MARK}\x1b[2J\x1b[H`],
  ['a title', `${MARK}\x1b]0;root\x07`],
  ['an answer to the terminal itself', `${MARK}\x1b[6n\x1bP$q"p\x1b\\`],
  ['a colour in one byte', `${MARK}\u009b31m`],
  ['a link', `${MARK}\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\`],
  ['another line of the log', `${MARK}\n[Mon Nov 23 01:13:16 2026|ldirectord.cf|1] Added real server: 192.0.2.6:80`],
  ['another line of the monitorfile', `${MARK}\n[Mon Nov 23 01:13:16 2026] [1] words [up] -`],
  ['another journal line', `${MARK}\n<0>panic`],
  ['the line written over', `${MARK}\rReal server 192.0.2.6:80 is up`],
  ['the line written over backwards', `${MARK}${'\b'.repeat(20)}up`],
  ['a header', `${MARK}\r\nBcc: victim@example.com`],
  ['a body', `${MARK}\r\n\r\nDear customer`],
  ['the end of a mail', `${MARK}\r\n.\r\nMAIL FROM:<x@example.com>`],
  ['a header after a bare line feed', `${MARK}\nTo: victim@example.com`],
  ['a header after a bare carriage return', `${MARK}\rTo: victim@example.com`],
  ['a folded header', `${MARK}\r\n Bcc: victim@example.com`],
  ['an encoded header', `${MARK} =?utf-8?B?DQpCY2M6IHZpY3RpbUBleGFtcGxlLmNvbQ==?=`],
  ['a line separator', `${MARK}\u2028up`],
  ['a paragraph separator', `${MARK}\u2029up`],
  ['a next line', `${MARK}\u0085up`],
  ['a vertical tab and a form feed', `${MARK}\v\fup`],
  ['words from right to left', `${MARK}\u202epu si`],
  ['an isolate', `${MARK}\u2067pu\u2066 si`],
  ['marks of direction', `${MARK}\u200f\u200e\u061cup`],
  ['nothing to be seen', `${MARK}\u200b\u2060\ufeff\u00adup`],
  ['tags', `${MARK}\u{e0041}\u{e0042}up`],
  ['a zero', `${MARK}\0up`],
  ['a deletion', `${MARK}\x7f\x7f\x7f\x7f`],
  ['JSON', `${MARK}"},{"level":"info","msg":"up`],
  ['HTML', `${MARK}<script>alert(1)</script>`],
  ['formats', `${MARK}%n%s%0d%0a\${x}\`id\`$(id)`],
  ['ten thousand escapes', `${MARK}${'\x1b[2J'.repeat(10_000)}`],
];

/** What nobody obeys, and everybody can see. */
const PLAIN = /^[^\p{C}\p{Zl}\p{Zp}]*$/u;

function expectPlain(text: string): void {
  expect(text).toContain(MARK);
  for (const line of text.split('\n')) expect(line).toMatch(PLAIN);
}

afterEach(closeListeners);

test.each(WORDS)('the reason of a check of a server that says %s', async (_name, words) => {
  const smtp = await listen(Buffer.from(`554 ${words}\r\n`), { atOnce: true });
  const simpletcp = await listen(Buffer.from(words), { atOnce: true });
  const web = await listen(Buffer.from(`HTTP/1.1 500 ${words}\r\n\r\n`));
  const pages = await listen(Buffer.from(`HTTP/1.1 200 OK\r\n\r\n${words}`));
  const timeoutMs = 3_000;
  const never = { text: 'never', source: 'never', flags: '', literal: 'never', safe: true };
  const page = { kind: 'http', proxy: false, method: 'GET', request: '/', receive: never, timeoutMs } as const;
  const asked: [typeof smtp, CheckSpec][] = [
    [smtp, { kind: 'smtp', timeoutMs }],
    [smtp, { kind: 'nntp', timeoutMs }],
    [simpletcp, { kind: 'simpletcp', transport: 'tcp', request: '', receive: never, timeoutMs }],
    [web, page],
    [pages, page],
  ];
  for (const [{ target }, spec] of asked) {
    const lines: string[] = [];
    const { outcome, detail } = await check(target, spec, services({}, { trace: (line) => lines.push(line) }));
    expect(outcome).toBe('down');
    for (const shown of [detail, ...lines]) expect(shown).toMatch(PLAIN);
    for (const shown of [detail, ...lines]) expect(shown.length).toBeLessThan(700);
  }
});

test('a reason is printable and short, even where a check forgets it', async () => {
  const words = WORDS.map(([, each]) => each).join('');
  const result = await check(
    { address: '127.0.0.1', family: 4, port: 9 },
    { kind: 'external', argv: ['/x'], timeoutMs: 1_000 },
    services({}, { command: () => Promise.reject(Object.assign(new Error(words), { code: `E${words}` })) }),
  );
  expect(result.detail).toMatch(PLAIN);
  expect(result.detail.length).toBeLessThan(1_500);
});

test('the long words of an Oracle server are short in no time', async () => {
  for (const words of [' '.repeat(100_000), '(CONNECTION_ID='.repeat(20_000), '\n '.repeat(100_000)]) {
    vi.resetModules();
    const getConnection = () => Promise.reject(Object.assign(new Error(`ORA-01017: ${words}`), { code: 'ORA-01017' }));
    vi.doMock('oracledb', () => ({ default: { getConnection } }));
    onTestFinished(() => {
      vi.doUnmock('oracledb');
      vi.resetModules();
    });
    const { oracle } = await import('../../src/checks/oracle.ts');
    const context = { signal: new AbortController().signal, defer: () => {}, progress: () => {} };
    const login = { user: 'joe', password: 'secret' };
    const spec = { kind: 'oracle', login, query: 'SELECT 1 FROM dual', timeoutMs: 1_000 } as const;
    const began = usedMs();
    const error = oracle({ address: '127.0.0.1', family: 4, port: 9 }, spec, { ...services(), ...context } as never);
    const { message } = (await error.catch((reason: Error) => reason as Error)) as Error;
    expect(usedMs() - began).toBeLessThan(500);
    expect(message).toMatch(/^ORA-01017:/);
    expect(message).toMatch(PLAIN);
    expect(message.length).toBeLessThan(500);
  }
});

interface Sink extends LineSink {
  readonly lines: string[];
}

function arraySink(): Sink {
  const lines: string[] = [];
  return { lines, write: (line) => lines.push(line), close: () => {} };
}

const NOW = () => new Date(2026, 10, 23, 1, 13, 16);
const LOGGERS: Record<string, [make: (sink: Sink) => Logger | Promise<Logger>, start: RegExp]> = {
  ldirectord: [(sink) => classicLogger(sink, 'x.cf', 7, NOW), /^\[Mon Nov 23 01:13:16 2026\|x\.cf\|7\] /],
  supervised: [(sink) => supervisedLogger(sink, NOW), /^\[Mon Nov 23 01:13:16 2026\] /],
  journal: [journalLogger, /^<6>/],
  syslog: [syslogLogger, /^/],
  JSON: [(sink) => jsonLogger(sink, 'x.cf'), /^\{"level":"info",/],
  terminal: [
    (sink) => {
      const out = new Writable({
        write(chunk, _encoding, done) {
          sink.lines.push(String(chunk));
          done();
        },
      });
      return terminalLogger(out, false, () => {});
    },
    /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: |^ {4}/,
  ],
};

test.each(Object.keys(LOGGERS))('a line of the %s log', async (name) => {
  const [make, start] = LOGGERS[name] as (typeof LOGGERS)[string];
  for (const [, words] of WORDS) {
    const sink = arraySink();
    const log = await make(sink);
    log.info(`said: ${words}`, { reason: words });
    await log.close();
    // A message may have lines; they are told to be ours, each of them.
    for (const line of sink.lines.join('').replace(/\n$/, '').split('\n')) {
      expect(line).toMatch(start);
      expect(line).toMatch(PLAIN);
    }
    expectPlain(sink.lines.join(''));
    if (name === 'JSON') for (const line of sink.lines) expect(JSON.parse(line).msg).toMatch(/^said: mark/);
  }
});

test('a tab stays, and so do words of other languages', () => {
  const sink = arraySink();
  syslogLogger(sink).info('Größe\t大きさ\tحجم');
  expect(sink.lines).toEqual(['Größe\t大きさ\tحجم\n']);
});

test.each(WORDS)('a mail about %s has our headers only, and our lines', async (_name, words) => {
  const [virtual] = configOf('virtual = 10.0.0.1:80\n\treal = 10.0.0.2:80 gate\n').virtuals;
  if (virtual === undefined) throw new Error('no virtual');
  const named = { ...virtual, serviceName: words, comment: words };
  const one: News = { virtual: named, id: words, turn: 'down', message: `Real server: ${words}`, state: 'running' };
  for (const news of [[one], [one, { ...one, id: 'other' }]]) {
    const { subject, text, summary } = alertText(news, 'director');
    for (const line of [subject, summary]) expect(line).toMatch(PLAIN);
    expectPlain(text);
    const lines = text.split('\n').filter((line) => line.includes(MARK));
    for (const line of lines) expect(line).toMatch(/^(Log-Message: \[|Real server: |Service name: |Comment: )/);

    const recorder = await smtpRecorder();
    const mail: Mail = {
      ...{ from: `${words} <lvs@example.com>`, to: 'ops@example.com', subject, text },
      ...{ date: NOW(), messageId: '<1@director>' },
    };
    await mailer({ host: 'director', sender: 'root@director' })(mail, recorder.server, AbortSignal.timeout(5_000));
    const [sent] = recorder.mails;
    expect(recorder.mails.length).toBe(1);
    expect(sent?.to).toEqual(['<ops@example.com>']);
    const [head = ''] = (sent?.message ?? '').split('\r\n\r\n');
    const fields = head.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
    const names = fields.map((field) => field.replace(/:.*/s, ''));
    expect(names.sort()).toEqual([...new Set(names)].sort());
    const usual =
      /^(Auto-Submitted|Content-Transfer-Encoding|Content-Type|Date|From|MIME-Version|Message-ID|Subject|To)$/;
    for (const name of names) expect(name).toMatch(usual);
  }
});

/** What a command says in the end, which is told as the reason. */
const SAID = WORDS.filter(([, words]) => !words.includes('\0') && words.length < 5_000);

test('the daemon’s log and monitorfile', async () => {
  const monitorFile = join(scratch(), 'monitor');
  const config = configOf(
    SAID.map(
      (_, index) =>
        `virtual = 10.0.0.1:${index + 1}\n\treal = 127.0.0.1:${index + 1} gate\n\tservice = none\n\tchecktype = external\n` +
        `\tcheckcommand = /bin/${index}\n\tmonitorfile = "${monitorFile}"\n`,
    ).join(''),
  );
  const sink = arraySink();
  const log = classicLogger(sink, 'x.cf', 7, NOW);
  const monitor = new MonitorFiles({ words: () => 'words', inMaintenance: () => false, log: () => log, now: NOW });
  monitor.reconfigure(config);
  const daemon = new Daemon(config, {
    kernel: new MemoryKernel(new Map()),
    log,
    observers: [monitor],
    services: services(
      {},
      {
        command: async ([program = '']) => {
          const [, words = ''] = SAID[Number(program.replace('/bin/', ''))] ?? [];
          return { code: 1, signal: null, stdout: words, stderr: '' };
        },
      },
    ),
  });
  onTestFinished(() => daemon.stop().catch(() => {}));
  await daemon.start();
  await daemon.firstRound(5_000);
  await until('all are down', () => sink.lines.filter((line) => line.includes(' is down: ')).length === SAID.length);
  await daemon.stop();
  await monitor.close();
  for (const line of sink.lines)
    expect(line).toMatch(/^\[Mon Nov 23 01:13:16 2026\|x\.cf\|7\] [^\p{C}\p{Zl}\p{Zp}]+\n$/u);
  const written = readFileSync(monitorFile, 'utf8').trimEnd().split('\n');
  expect(written.length).toBeGreaterThanOrEqual(SAID.length);
  for (const line of written) {
    expect(line).toMatch(/^\[Mon Nov 23 01:13:16 2026\] \[\d+\] words \[down\] [^\p{C}\p{Zl}\p{Zp}]+$/u);
  }
});
