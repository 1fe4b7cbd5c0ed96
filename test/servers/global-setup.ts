// Before the tests of all servers: their packages. After them: a table of what was tested, with which version.
import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestModule, TestProject } from 'vitest/node';
import { installCommand, installPackages, mustInstall } from '../debian-packages.ts';
import { SERVERS, type ServerName } from './packages.ts';
import { hasIPv6 } from './processes.ts';

export default async function setup(project: TestProject): Promise<() => void> {
  const { testFiles } = await project.globTestFiles();
  process.env.INNCONF = fileURLToPath(new URL('inn2-install.conf', import.meta.url));
  const missing = installPackages(
    testFiles.map((file) => SERVERS[serverOf(file)]),
    'server tests',
  );
  if (missing.length > 0 && mustInstall()) {
    throw new Error(`installing ${missing.join(', ')} failed. By hand: apt-get update && ${installCommand(missing)}`);
  }
  return () => {
    const rows = project.vitest.state.getTestModules().map(summary).sort();
    const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
    const line = (row: readonly string[]) =>
      row
        .map((cell, column) => cell.padEnd(width(column)))
        .join('  ')
        .trimEnd();
    console.log(['', ...rows.map(line), ''].join('\n'));
    if (!hasIPv6()) console.log('NOT TESTED: nothing over IPv6, this machine has no ::1\n');
    if (missing.length > 0) console.log(`NOT TESTED: no ${missing.join(', ')}. As root: ${installCommand(missing)}\n`);
  };
}

/** Server, version, what passed, and how long it took to see that it hung. */
function summary(module: TestModule): string[] {
  const name = serverOf(module.moduleId);
  const tests = [...module.children.allTests()];
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  const hung = tests.flatMap((test) => test.meta().hung ?? []);
  const counts = [`${count('passed')} passed`, `${count('failed')} failed`, `${count('skipped')} skipped`];
  const times = hung.map(({ tookMs, limitMs }) => `${Math.round(tookMs)} ms (limit ${limitMs})`);
  return [name, version(name), counts.join(', '), times.length > 0 ? `hang found in ${times.join(', ')}` : ''];
}

/** A server's tests are in NAME.test.ts. */
function serverOf(testFile: string): ServerName {
  const name = basename(testFile, '.test.ts');
  if (name in SERVERS) return name as ServerName;
  throw new Error(`${testFile}: no server of this name in packages.ts`);
}

function version(name: ServerName): string {
  const { stdout } = spawnSync('dpkg-query', ['-W', SERVERS[name][0][0]], { encoding: 'utf8' });
  return /\t(.+)/.exec(stdout)?.[1] ?? 'not installed';
}
