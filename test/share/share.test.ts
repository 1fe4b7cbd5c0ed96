// share/: manual pages and shell completions are what the code says of itself. UPDATE_README=1 writes them.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ACTION_NAMES, commandLine } from '../../src/commands/command-line.ts';
import { DIRECTIVES } from '../../src/config/directives.ts';
import { SERVICE_NAMES } from '../../src/config/services.ts';
import { scratch } from '../scratch.ts';
import { bashCompletion, zshCompletion } from './completion.ts';
import { manualOfTheConfiguration } from './ldirectord-cf-5.ts';
import { manualOfTheCommand } from './tsdirectord-8.ts';

const SHARE = fileURLToPath(new URL('../../share/', import.meta.url));
const COMMAND = 'man/man8/tsdirectord.8';
const CONFIGURATION = 'man/man5/ldirectord.cf.5';
const BASH = 'bash-completion/completions/tsdirectord';
const ZSH = 'zsh/site-functions/_tsdirectord';

test.each([
  [COMMAND, manualOfTheCommand],
  [CONFIGURATION, manualOfTheConfiguration],
  [BASH, bashCompletion],
  [ZSH, zshCompletion],
])('share/%s is current', (path, made) => {
  const file = join(SHARE, path);
  if (process.env.UPDATE_README === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, made());
  }
  expect(readFileSync(file, 'utf8')).toBe(made());
});

const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

describe.skipIf(!has('groff'))('manual pages', () => {
  const rendered = (path: string) => {
    const { stdout, stderr } = spawnSync(
      'groff',
      ['-ww', '-man', '-Tascii', '-P-cbou', '-rLL=78n', join(SHARE, path)],
      {
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('');
    return stdout;
  };

  test('the command: every action and option', () => {
    const text = rendered(COMMAND);
    const command = commandLine('tsdirectord');
    const options = command.createHelp().visibleOptions(command);
    for (const { long } of options) expect(text).toMatch(new RegExp(`^ +(-\\w, )?${long}\\b`, 'm'));
    for (const name of ACTION_NAMES) expect(text).toMatch(new RegExp(`^ +${name}\\b`, 'm'));
  });

  test('the configuration: every directive and service', () => {
    const text = rendered(CONFIGURATION);
    for (const name of Object.keys(DIRECTIVES)) expect(text).toMatch(new RegExp(`^ +${name} = `, 'm'));
    for (const name of SERVICE_NAMES) expect(text).toMatch(new RegExp(`^ +${name}( \\(port \\d+\\))?\\s`, 'm'));
    expect(text).toContain('receive = "found"');
    expect(text).not.toContain('`');
  });
});

/** What bash would offer for a command line, when /etc/ha.d is another directory. */
function offered(line: string, haDirectory: string, cwd: string): string[] {
  const script = bashCompletion().replaceAll('/etc/ha.d', haDirectory);
  const words = line.split(' ');
  const ask = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}
_tsdirectord
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const said = execFileSync('bash', ['--norc', '-u', '-c', ask], { cwd, encoding: 'utf8' });
  return said.split('\n').filter(Boolean).sort();
}

describe('bash completion', () => {
  const site = () => {
    const dir = scratch();
    for (const each of ['ha/conf', 'here/sub']) mkdirSync(join(dir, each), { recursive: true });
    for (const each of ['ha/ha.cf', 'ha/web.cf', 'ha/authkeys', 'ha/conf/mail.cf', 'here/my.cf', 'here/a b.cf'])
      writeFileSync(join(dir, each), '');
    return dir;
  };
  const CONFIGS = ['a b.cf', 'mail.cf', 'my.cf', 'sub', 'web.cf'];
  const ALWAYS = [
    '--debug',
    '--file',
    '--help',
    '--ipvs',
    '--ipvsadm',
    '--pid-file',
    '--print-files',
    '--stop-timeout',
    '--version',
  ];

  test.each<[string, readonly string[]]>([
    ['tsdirectord st', ['start', 'status', 'stop']],
    ['tsdirectord ', [...ACTION_NAMES, ...CONFIGS]],
    ['tsdirectord start -f ', CONFIGS],
    ['tsdirectord start --file = m', ['mail.cf', 'my.cf']],
    ['tsdirectord start --file =', CONFIGS],
    ['tsdirectord web.cf re', ['recheck', 'reload', 'restart']],
    ['tsdirectord start ', []],
    ['tsdirectord start --', [...ALWAYS, '--foreground']],
    ['tsdirectord check --', [...ALWAYS, '--explain', '--json']],
    ['tsdirectord --ex', ['--explain']],
    ['tsdirectord --ipvs ', ['kernel', 'memory']],
    ['tsdirectord start --stop-timeout ', []],
    ['tsdirectord start --pid-file s', ['sub']],
  ])('%s', (line, expected) => {
    const dir = site();
    expect(offered(line, join(dir, 'ha'), join(dir, 'here'))).toEqual([...expected].sort());
  });
});

test.skipIf(!has('zsh'))('zsh takes the completion', () => {
  expect(spawnSync('zsh', ['-n', join(SHARE, ZSH)], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
});
