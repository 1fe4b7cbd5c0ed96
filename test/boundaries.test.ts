// Who may import whom (see the layout in README.md): read from the imports of every file under src.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

interface File {
  readonly path: string;
  /** Files of ours, relative to src. */
  readonly ours: readonly string[];
  /** The same without `import type`, which is gone when the program runs. */
  readonly atRunTime: readonly string[];
  /** Packages and node's own modules. */
  readonly others: readonly string[];
}

const FILES: readonly File[] = (readdirSync(SRC, { recursive: true }) as string[])
  .filter((path) => path.endsWith('.ts'))
  .map(read);

function read(path: string): File {
  const text = readFileSync(join(SRC, path), 'utf8');
  const pattern =
    /^(?:import|export)\s+(type\s)?[^;'"]*?\sfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;
  const found = [...text.matchAll(pattern)].map(([, type, from, bare, dynamic]) => ({
    name: from ?? bare ?? dynamic ?? '',
    type: type !== undefined,
  }));
  const ours = found.filter(({ name }) => name.startsWith('.'));
  const resolved = (list: typeof found) => list.map(({ name }) => relative(SRC, join(SRC, dirname(path), name)));
  return {
    path,
    ours: resolved(ours),
    atRunTime: resolved(ours.filter(({ type }) => !type)),
    others: found.filter(({ name }) => !name.startsWith('.')).map(({ name }) => name),
  };
}

/** What the files of a folder may import: paths of ours (a folder ends with /) and modules of others. */
interface Rule {
  readonly ours: readonly string[];
  readonly others: readonly string[];
}

const CONFIG = ['config/model.ts', 'config/address.ts'];
const RULES: Readonly<Record<string, Rule>> = {
  // Pure: no input, no output, no clock.
  'config/': { ours: ['config/'], others: ['node:net'] },
  'health/': { ours: ['health/'], others: [] },
  'ipvs/': { ours: ['ipvs/', 'health/', ...CONFIG, 'errors.ts'], others: [] },
  // One file per action: they join the others, and nobody but the command line needs them.
  'commands/': {
    ours: [
      'commands/',
      'config/',
      'ipvs/',
      'operator/',
      'system/',
      'status/',
      'clean-table.ts',
      'errors.ts',
      'load.ts',
      'log.ts',
      'maintenance.ts',
      'run.ts',
      'version.ts',
      'wording.ts',
    ],
    others: ['commander', 'node:'],
  },
  // The outside world.
  'checks/': {
    ours: ['checks/', 'alarms.ts', 'config/model.ts', 'config/perl-regex.ts', 'config/secrets.ts', 'errors.ts'],
    others: [
      ...['dns-packet', 'ioredis', 'mysql2', 'oracledb', 'pg', 'undici/lib/llhttp/'],
      ...[
        'node:async_hooks',
        'node:crypto',
        'node:diagnostics_channel',
        'node:dgram',
        'node:net',
        'node:os',
        'node:querystring',
        'node:stream',
        'node:tls',
        'node:vm',
        'node:zlib',
      ],
    ],
  },
  // What people look at: knows data, and nobody who makes it.
  'status/': {
    ours: [
      ...['status/', 'health/', 'ipvs/', 'operator/', 'checks/check.ts', 'checks/text.ts'],
      ...[
        'config/model.ts',
        'errors.ts',
        'observer.ts',
        'version.ts',
        'wording.ts',
        '../share/tsdirectord/openapi.json',
      ],
    ],
    others: ['prom-client', 'esbuild', 'node:'],
  },
  // What the operator orders, and what outlives the daemon.
  'operator/': {
    ours: [
      ...['operator/', 'health/', 'ipvs/', 'checks/text.ts', 'config/model.ts'],
      ...['errors.ts', 'log.ts', 'observer.ts', 'system/journal-file.ts', 'wording.ts'],
    ],
    others: ['node:'],
  },
  'system/': {
    ours: ['system/', 'ipvs/', 'checks/text.ts', 'config/model.ts', 'errors.ts', 'log.ts'],
    others: ['nodemailer', 'node:'],
  },
};

const allowed = (name: string, list: readonly string[]): boolean =>
  list.some((each) => (/[/:]$/.test(each) ? name.startsWith(each) : name === each));

test.each(Object.entries(RULES))('%s imports only what it may', (folder, { ours, others }) => {
  const files = FILES.filter(({ path }) => path.startsWith(folder));
  expect(files.length).toBeGreaterThan(0);
  const forbidden = files.flatMap((file) => [
    ...file.ours.filter((name) => !allowed(name, ours)).map((name) => `${file.path} imports ${name}`),
    ...file.others.filter((name) => !allowed(name, others)).map((name) => `${file.path} imports ${name}`),
  ]);
  expect(forbidden).toEqual([]);
});

test('every folder has a rule', () => {
  const folders = new Set(FILES.filter(({ path }) => path.includes('/')).map(({ path }) => `${path.split('/')[0]}/`));
  expect([...folders].sort()).toEqual(Object.keys(RULES).sort());
});

describe('pure folders', () => {
  const pure = FILES.filter(({ path }) => /^(config|health|ipvs)\//.test(path));

  test('use of node only whether a text is an IP address', () => {
    for (const { path } of pure) {
      const text = readFileSync(join(SRC, path), 'utf8');
      for (const [, names = ''] of text.matchAll(/import \{([^}]*)\} from 'node:net'/g)) {
        expect(
          names
            .split(',')
            .map((name) => name.trim())
            .filter((name) => !/^isIP(v[46])?$/.test(name)),
          path,
        ).toEqual([]);
      }
    }
  });

  test('have no clock, no timers, no process', () => {
    for (const { path } of pure) {
      const text = readFileSync(join(SRC, path), 'utf8').replace(/\/\/.*|\/\*[\s\S]*?\*\//g, '');
      expect(text, path).not.toMatch(
        /\b(setTimeout|setInterval|setImmediate|Date\.now|new Date|performance\.|process\.|fetch\()/,
      );
    }
  });
});

test('only what starts and stops daemons imports the daemon', () => {
  const importers = FILES.filter(({ ours }) => ours.includes('daemon.ts')).map(({ path }) => path);
  expect(importers.sort()).toEqual(['clean-table.ts', 'run.ts']);
});

test('only the command line is imported by the program, and by nobody else', () => {
  const importers = FILES.filter(({ ours }) => ours.includes('cli.ts')).map(({ path }) => path);
  expect(importers).toEqual(['tsdirectord.ts']);
});

test('every import of ours names a file', () => {
  const paths = new Set(FILES.map(({ path }) => path));
  const missing = FILES.flatMap(({ path, ours }) =>
    ours.filter((name) => name.endsWith('.ts') && !paths.has(name)).map((name) => `${path}: ${name}`),
  );
  expect(missing).toEqual([]);
});

test('no cycles', () => {
  const byPath = new Map(FILES.map((file) => [file.path, file] as const));
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) throw new Error([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    if (done.has(path)) return;
    for (const next of byPath.get(path)?.atRunTime ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const { path } of FILES) visit(path, []);
  expect(done.size).toBeGreaterThan(30);
});
