// Debian's sample configuration, block by block as its reader would switch it on, means what ldirectord means by it.
// The file is GPL: it is read where its package is installed, else from the package (apt-get download), and never kept.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defaultService } from '../../src/config/check-plan.ts';
import { formatDiagnostic } from '../../src/config/diagnostic.ts';
import { last } from '../../src/config/directives.ts';
import { formatEndpoint, virtualName } from '../../src/config/model.ts';
import { type Names, parseServices } from '../../src/config/names.ts';
import { parse } from '../../src/config/parse.ts';
import { resolve } from '../../src/config/resolve.ts';

const SAMPLE = '/usr/share/doc/ldirectord/examples/ldirectord.cf';

function readSample(): string | undefined {
  if (existsSync(SAMPLE)) return readFileSync(SAMPLE, 'utf8');
  const folder = mkdtempSync(join(tmpdir(), 'ldirectord-sample-'));
  try {
    const run = (command: string) => execFileSync('sh', ['-c', command], { cwd: folder, timeout: 8000, stdio: 'pipe' });
    run('apt-get download ldirectord && dpkg-deb -x ldirectord_*.deb .');
    return readFileSync(join(folder, SAMPLE), 'utf8');
  } catch {
    console.warn(
      `SKIPPED: the sample configuration is not checked. There is no ${SAMPLE}, and apt cannot download ldirectord.`,
    );
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The lines of each block without the `#` that switches them off. */
function blocksOf(sample: string): string[] {
  const blocks: string[][] = [];
  for (const line of sample.split('\n')) {
    if (/^#?virtual6?\s*=/.test(line)) blocks.push([]);
    else if (!/^#?\t/.test(line)) continue;
    blocks.at(-1)?.push(line.replace(/^#/, ''));
  }
  return blocks.map((lines) => `${lines.join('\n')}\n`);
}

const names: Names = {
  address: ({ host }) => ({ sql01: '192.168.10.1', sql03: '192.168.10.3' })[host],
  port: parseServices(''),
  authorities: () => 'the sample names none',
};

const sample = readSample();
const blocks = blocksOf(sample ?? '');
const FTP = 4;
const SIP = 18;

function understand(text: string) {
  const draft = parse(text);
  const { config, diagnostics } = resolve(draft, names);
  const errors = diagnostics
    .filter(({ severity }) => severity === 'error')
    .map((found) => formatDiagnostic(found, { file: 'sample', lines: draft.lines }));
  const given = draft.virtuals[0]?.given ?? {};
  return { config, errors, given, diagnostics };
}

function meaning(text: string): string {
  const { config, errors, given } = understand(text);
  const virtual = config?.virtuals[0];
  if (virtual === undefined) return errors.join('\n');
  const { reals, fallback } = virtual;
  const own = reals.map((real) => `${real.address.split(/[.:]/).at(-1)}:${real.port}*${real.weight}`);
  return [
    `${virtual.protocol} ${virtualName(virtual)}`,
    virtual.scheduler,
    `p${virtual.persistentSeconds}`,
    `${last(given, 'checktype')?.value ?? 'negotiate'} ${last(given, 'service')?.value ?? defaultService(virtual)}`,
    `${[...new Set(reals.map(({ forwarding }) => forwarding))]} ${own.join(' ')}`,
    fallback && `${formatEndpoint(fallback.address, fallback.port)} ${fallback.forwarding}`,
  ].join(' | ');
}

const WEB = '2:80*1 3:80*1 6:80*1 | 127.0.0.1:80 gate';
const SQL = (port: number) => `gate 1:${port}*10 2:${port}*10 3:${port}*10 | 127.0.0.1:${port} gate`;
const PAIR = (port: number) => `masq 3:${port}*1 5:${port}*1 | 127.0.0.1:${port} gate`;
const LAN = (port: number) => `masq 4:${port}*1 6:${port}*1 | 127.0.0.1:${port} gate`;

describe.skipIf(sample === undefined)("Debian's sample configuration", () => {
  test.each([
    [0, `tcp 192.168.6.240:80 | rr | p0 | negotiate http | gate ${WEB}`],
    [1, 'fwm 1 | rr | p0 | negotiate http | gate 2:0*1 3:0*1 6:0*1 | 127.0.0.1:80 gate'],
    [
      2,
      'tcp 192.168.6.240:80 | rr | p0 | negotiate http | gate 2:80*1 3:80*1 4:80*1 5:80*1 6:80*1 7:80*1 32:80*1 | 127.0.0.1:80 gate',
    ],
    [3, `tcp 192.168.6.240:443 | rr | p0 | negotiate https | ${PAIR(443)}`],
    [4, `tcp 192.168.6.240:21 | rr | p0 | negotiate ftp | ${PAIR(21)}`],
    [5, `tcp 192.168.6.240:25 | wlc | p600 | negotiate smtp | ${PAIR(25)}`],
    [6, `tcp 192.168.6.240:587 | wlc | p600 | negotiate submission | ${PAIR(587)}`],
    [7, `tcp 192.168.6.240:110 | wlc | p600 | negotiate pop | ${PAIR(110)}`],
    [8, 'tcp 192.168.6.240:143 | wlc | p0 | negotiate imap | masq 1:143*1 3:143*1 5:143*1 | 127.0.0.1:143 gate'],
    [9, `tcp 192.168.84.5:389 | wlc | p0 | negotiate ldap | ${LAN(389)}`],
    [10, `tcp 192.168.84.5:119 | wlc | p0 | negotiate nntp | ${LAN(119)}`],
    [11, `udp 192.168.84.5:53 | wlc | p0 | negotiate dns | ${LAN(53)}`],
    [12, `tcp 192.168.10.74:3306 | wrr | p0 | negotiate mysql | ${SQL(3306)}`],
    [13, `tcp 192.168.10.74:5432 | wrr | p0 | negotiate pgsql | ${SQL(5432)}`],
    [14, `tcp 192.168.10.74:1521 | wrr | p0 | negotiate oracle | ${SQL(1521)}`],
    [15, `tcp 192.168.6.240:23 | wlc | p600 | on none | ${PAIR(23)}`],
    [16, 'udp 192.168.6.240:53 | rr | p0 | ping dns | gate 2:53*1 3:53*1 6:53*1 | 127.0.0.1:53 gate'],
    [17, 'udp 192.168.6.240:1812 | rr | p0 | negotiate radius | gate 2:1812*1 3:1812*1 6:1812*1 | 127.0.0.1:1812 gate'],
    [19, 'tcp [2001:db8::5]:119 | wlc | p0 | negotiate nntp | masq 4:119*1 6:119*1 | [::1]:119 gate'],
  ])('block %i: %s', (index, expected) => {
    expect(meaning(blocks[index] ?? '')).toBe(expected);
  });

  test('there are no other blocks', () => {
    expect(blocks).toHaveLength(20);
  });

  test('the two colons of the SIP block are a typo, and told as one', () => {
    const { errors } = understand(blocks[SIP] ?? '');
    expect(errors).toHaveLength(3);
    expect(errors[0]).toBe(
      `sample:2:18: error: two colons before the port
    2 | \treal=192.168.6.2::5060 gate
      | \t                ^^
      = did you mean 192.168.6.2:5060?`,
    );
    expect(meaning((blocks[SIP] ?? '').replaceAll('::', ':'))).toBe(
      'udp 192.168.6.240:5060 | rr | p0 | negotiate sip | gate 2:5060*1 3:5060*1 6:5060*1 | 127.0.0.1:5060 gate',
    );
  });

  test('the FTP block gives its scheduler twice: the last one counts, with a warning', () => {
    const { diagnostics } = understand(blocks[FTP] ?? '');
    expect(diagnostics.map(({ message }) => message)).toContain('scheduler is given again');
  });

  test('its global lines, those switched off included', () => {
    const globals = (sample ?? '').split(/^virtual/m)[0]?.replace(/^#(?=\w+=)/gm, '') ?? '';
    const { config, diagnostics } = understand(`${globals}virtual=192.168.6.240:80\n\treal=192.168.6.2 gate\n`);
    expect(config).toMatchObject({
      autoReload: true,
      log: { kind: 'syslog', facility: 'local0' },
      virtuals: [
        {
          quiescent: false,
          checkIntervalMs: 1000,
          fallback: { address: '127.0.0.1', port: 80, forwarding: 'gate' },
          alerts: { recipients: ['admin@x.y.z'], repeatSeconds: 3600 },
          reals: [{ check: { spec: { timeoutMs: 3000 } } }],
        },
      ],
    });
    expect(diagnostics.map(({ message }) => message)).toContain('logfile is given again');
  });
});
