// check and plan: what they say and return, in both grammars, and that they change nothing.
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exec, Site } from './program.ts';

const GOOD = [
  'virtual = 10.0.0.1:80',
  '\treal = 10.0.0.2->10.0.0.3 gate 5',
  '\tquiescent = yes',
  '\trequest = "up?password=hunter2"',
  '\tlogin = joe',
  '\tpasswd = "hunter2"',
  '',
].join('\n');
const BROKEN = "virtual = 10.0.0.1:80\n\tscheduller = wlc\n\treal = 10.0.0.2:80 gatee\n\tpasswd = 'hunter2'\n";

/** Names and contents of everything in the site's directory. */
const contents = (site: Site): string[][] =>
  readdirSync(site.dir).map((name) => [name, readFileSync(join(site.dir, name), 'latin1')]);

describe.each(['new', 'old'] as const)('check, %s grammar', (grammar) => {
  const check = (site: Site, ...more: string[]) =>
    exec(grammar === 'new' ? ['check', '-f', site.config, ...more] : [...more, site.config, 'check']);

  test('a correct file: warnings, one line, 0, and nothing is created', async () => {
    const site = new Site(GOOD);
    const before = contents(site);
    const ran = await check(site);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain(`${site.config}:6:10: warning: login has no effect on the http check`);
    expect(ran.stdout.split('\n').slice(-2)).toEqual([
      `${site.config} is correct: 1 virtual service, 2 real servers`,
      '',
    ]);
    expect(contents(site)).toEqual(before);
  });

  test('a broken file: every error with its place, 2', async () => {
    const site = new Site(BROKEN);
    const ran = await check(site);
    expect(ran).toMatchObject({ code: 2, stderr: '' });
    expect(ran.stdout).toContain(`${site.config}:3:2: error: unknown directive "scheduller"`);
    expect(ran.stdout).toContain(`${site.config}:4:21: error:`);
    expect(ran.stdout).toContain(`${site.config} has 3 errors\n`);
    expect(ran.stdout).not.toContain('hunter2');
  });

  test('a missing file: 1', async () => {
    const site = new Site();
    const missing = join(site.dir, 'missing.cf');
    const ran = await exec(grammar === 'new' ? ['check', '-f', missing] : [missing, 'check']);
    expect(ran).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `tsdirectord: there is no configuration file; looked for ${missing}\n`,
    });
  });

  test('--explain can be checked again, and means the same', async () => {
    const site = new Site(GOOD);
    const first = await check(site, '--explain');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain(`# ${site.config} is correct: 1 virtual service, 2 real servers\n`);
    expect(first.stdout).toMatch(/^\tservice = http +# port 80 means http$/m);
    expect(first.stdout).toMatch(
      /^\treal = 10\.0\.0\.3 gate 5 +# line 3, of 10\.0\.0\.2->10\.0\.0\.3, port 80 of the virtual$/m,
    );
    expect(first.stdout).not.toContain('hunter2');
    writeFileSync(site.config, first.stdout);
    const again = await check(site, '--explain');
    const values = (text: string) =>
      text.split('\n').flatMap((line) => line.match(/^\s*(\w+ = .*?)\s*(?: # .*)?$/)?.[1] ?? []);
    expect(values(again.stdout)).toEqual(values(first.stdout));
    expect(values(again.stdout).length).toBeGreaterThan(20);
  });

  test('--explain of a broken file tells what is wrong', async () => {
    expect(await check(new Site(BROKEN), '--explain')).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('has 3 errors'),
    });
  });

  test('--json', async () => {
    const site = new Site(GOOD);
    const ran = await check(site, '--json', '--explain');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).not.toContain('hunter2');
    expect(JSON.parse(ran.stdout)).toMatchObject({
      file: site.config,
      correct: true,
      diagnostics: [
        // Everybody may read what the request holds.
        { severity: 'warning', line: 5 },
        { severity: 'warning', line: 6 },
        { severity: 'warning', line: 7 },
      ],
      configuration: { virtuals: [{ address: '10.0.0.1', reals: [{ weight: 5 }, { address: '10.0.0.3' }] }] },
      explanation: { virtuals: [{ virtual: { name: 'virtual', value: '10.0.0.1:80', from: 'line 2' } }] },
    });
    chmodSync(site.config, 0o666);
    const [exposed] = JSON.parse((await check(site, '--json')).stdout).diagnostics;
    expect(Object.keys(exposed)).toEqual(['severity', 'message', 'hint']);
    const broken = await check(new Site(BROKEN), '--json');
    expect(broken.code).toBe(2);
    const told = JSON.parse(broken.stdout);
    expect([told.correct, told.configuration, told.diagnostics.length]).toEqual([false, null, 3]);
  });
});

test('the options of check are for check', async () => {
  const ran = await exec(['start', '--explain', '-f', new Site().config]);
  expect(ran).toMatchObject({ code: 1, stderr: 'tsdirectord: --explain makes no sense with start; it is for check\n' });
});

/** An ipvsadm that only lists, and notes whatever else it is asked for. */
function fakeIpvsadm(site: Site, table: string): string {
  const path = join(site.dir, 'ipvsadm');
  writeFileSync(join(site.dir, 'table'), table);
  writeFileSync(
    path,
    `#!/bin/sh\ncase "$*" in\n-Sn) cat "${site.dir}/table";;\n"-Ln --thresholds") ;;\n*) echo "$*" >>"${site.dir}/touched";;\nesac\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

describe('plan', () => {
  const IN_SERVICE = ['2', '3'].map((last) => `-a -t 10.0.0.1:80 -r 10.0.0.${last}:80 -g -w 5\n`).join('');

  test('something to do: commands with reasons, 10, and nothing is done', async () => {
    const site = new Site(GOOD);
    const ipvsadm = fakeIpvsadm(
      site,
      `-A -t 10.0.0.1:80 -s rr\n${IN_SERVICE.replace('-w 5', '-w 1')}-a -t 10.0.0.1:80 -r 10.0.0.9:80 -g -w 1\n-A -t 10.0.0.7:80 -s rr\n`,
    );
    const before = contents(site);
    const ran = await exec(['plan', '-f', site.config, '--ipvsadm', ipvsadm, '--pid-file', site.pidFile]);
    expect(ran.code).toBe(10);
    expect(ran.stdout.split('\n')).toEqual([
      `# What a start with ${site.config} would change in the kernel's table as it is now; nothing was changed.`,
      'ipvsadm -E -t 10.0.0.1:80 -s wrr                  # scheduler rr -> wrr',
      'ipvsadm -e -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 5  # weight 1 -> 5: line 3',
      'ipvsadm -d -t 10.0.0.1:80 -r 10.0.0.9:80          # not in the configuration any more',
      '',
    ]);
    expect(contents(site)).toEqual(before);
  });

  test('nothing to do: 0', async () => {
    const site = new Site(GOOD);
    const ipvsadm = fakeIpvsadm(site, `-A -t 10.0.0.1:80 -s wrr\n${IN_SERVICE}`);
    const ran = await exec(['--ipvsadm', ipvsadm, '--pid-file', site.pidFile, site.config, 'plan']);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^# What .*\n# Nothing to do\.\n$/) });
  });

  test('an empty table, beside a daemon that runs', async () => {
    const site = new Site(GOOD.replace('\tquiescent = yes\n', ''));
    await site.run('start');
    const ran = await site.run('plan');
    expect(ran.code).toBe(10);
    expect(ran.stdout.split('\n')).toEqual([
      expect.stringMatching(new RegExp(`^# A daemon runs \\(pid ${site.pid}\\) whose checks know better`)),
      `# What a start with ${site.config} would change in an empty table; nothing was changed.`,
      'ipvsadm -A -t 10.0.0.1:80 -s wrr  # new: line 2',
      '# 10.0.0.2:80 (10.0.0.1:80): not checked yet, comes in after its first good check',
      '# 10.0.0.3:80 (10.0.0.1:80): not checked yet, comes in after its first good check',
      '',
    ]);
  });

  test('a server in maintenance goes out of service', async () => {
    const site = new Site();
    site.configure(`maintenancedir = ${site.dir}\n${GOOD}`);
    writeFileSync(join(site.dir, '10.0.0.3:80'), '');
    const ipvsadm = fakeIpvsadm(site, `-A -t 10.0.0.1:80 -s wrr\n${IN_SERVICE}`);
    const ran = await exec(['plan', '-f', site.config, '--ipvsadm', ipvsadm, '--pid-file', site.pidFile]);
    expect(ran.stdout.split('\n').slice(1)).toEqual([
      `ipvsadm -e -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 0  # weight 5 -> 0: maintenance: file 10.0.0.3:80 in ${site.dir}`,
      '',
    ]);
  });

  test("the operator's orders that a daemon would find", async () => {
    const site = new Site(GOOD);
    const order = (real: string, kind: string, more = '') =>
      `{"server":"tcp:10.0.0.1:80 ${real}:80","order":{"kind":"${kind}","at":1${more}}}\n`;
    const orders = order('10.0.0.2', 'drain') + order('10.0.0.3', 'weight', ',"weight":9');
    writeFileSync(`${site.pidFile}.state`, `{"format":"tsdirectord state","version":1}\n${orders}torn`, {
      mode: 0o600,
    });
    const ipvsadm = fakeIpvsadm(site, `-A -t 10.0.0.1:80 -s wrr\n${IN_SERVICE}`);
    const before = contents(site);
    const ran = await exec(['plan', '-f', site.config, '--ipvsadm', ipvsadm, '--pid-file', site.pidFile]);
    expect(ran.stdout.split('\n').slice(1)).toEqual([
      'ipvsadm -e -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 9  # weight 5 -> 9: ordered by the operator',
      'ipvsadm -e -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 0  # weight 5 -> 0: drained by the operator',
      '',
    ]);
    expect(contents(site)).toEqual(before);
  });

  test('a configuration with errors: 2; a table that cannot be read: 1', async () => {
    expect(await new Site(BROKEN).run('plan')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('3 errors; nothing was changed'),
    });
    const site = new Site(GOOD);
    const ran = await exec(['plan', '-f', site.config, '--ipvsadm', './no-such-ipvsadm']);
    expect(ran).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('cannot run') });
  });
});
