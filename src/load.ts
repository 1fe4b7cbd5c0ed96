// Reads a configuration file and understands it: the text, the names in it, and the files it wants to write.
import { constants, realpathSync } from 'node:fs';
import { access, open, readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isSea } from 'node:sea';
import { type Diagnostic, errorAt, formatDiagnostic, inFileOrder, warningAt } from './config/diagnostic.ts';
import { last } from './config/directives.ts';
import { exposure } from './config/exposure.ts';
import { Authorities, type CheckSpec, type Config } from './config/model.ts';
import { authorityFiles, hostNames, parseServices } from './config/names.ts';
import { type Draft, parse } from './config/parse.ts';
import { resolve } from './config/resolve.ts';
import { digestOf } from './config-watch.ts';
import { messageOf, systemReason } from './errors.ts';
import { readAuthorities } from './system/authorities.ts';
import { readServices, resolveHost } from './system/resolver.ts';
import { readToken } from './system/token-file.ts';
import { counted } from './wording.ts';

export interface Loaded {
  readonly path: string;
  /** Absent when there are errors. */
  readonly config: Config | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Tells this text from any other. */
  readonly digest: string;
  /** The file's lines with secrets masked. */
  readonly lines: readonly string[];
}

/** Where names are looked up. */
export interface Lookups {
  readonly resolveHost: typeof resolveHost;
  readonly readServices: () => Promise<string>;
  readonly readAuthorities: typeof readAuthorities;
  /** Whether a package that is not ours to bring can be loaded. */
  readonly isInstalled: (name: 'oracledb') => Promise<boolean>;
}

const SYSTEM: Lookups = { resolveHost, readServices, readAuthorities, isInstalled };

/**
 * Loads a file. Rejects with a system error when it cannot be read; everything else is a diagnostic.
 * Whether the logfile can be written matters only to who `logsToFile`.
 */
export async function load(path: string, lookups?: Lookups, logsToFile = true): Promise<Loaded> {
  const { text, mode } = await readConfiguration(path);
  return loadText(text, path, lookups, logsToFile, 'daemon', mode);
}

/** The text of a configuration, and who may do what with its file (undefined for a pipe). Rejects with a system error. */
export async function readConfiguration(path: string): Promise<{ text: string; mode: number | undefined }> {
  const file = await open(path);
  try {
    const info = await file.stat();
    return { text: await file.readFile('utf8'), mode: info.isFile() ? info.mode : undefined };
  } finally {
    await file.close();
  }
}

/** What a daemon could not write is an error to it, and only a warning to somebody else who looks at its configuration. */
export type Looker = 'daemon' | 'visitor';

/** The same for text that is at hand. @param mode of the file that it was read from */
export async function loadText(
  text: string,
  path: string,
  lookups: Lookups = SYSTEM,
  logsToFile = true,
  looker: Looker = 'daemon',
  mode?: number,
): Promise<Loaded> {
  const draft = parse(text);
  const addresses = new Map<string, string>();
  const authorities = new Map<string | undefined, Authorities | string>();
  const [services] = await Promise.all([
    lookups.readServices(),
    ...hostNames(draft).map(async ({ host, family }) => {
      const found = await lookups.resolveHost(host, family).catch(() => []);
      const address = found.find((each) => each.family === family)?.address;
      if (address !== undefined) addresses.set(`${family} ${host}`, address);
    }),
    ...authorityFiles(draft).map(async (file) => {
      const found = await lookups.readAuthorities(file).catch(messageOf);
      authorities.set(file, typeof found === 'string' ? found : new Authorities(found.file, found.pem, found.digest));
    }),
  ]);
  const names = {
    address: ({ host, family }: { host: string; family: number }) => addresses.get(`${family} ${host}`),
    port: parseServices(services),
    authorities: (file: string | undefined) => authorities.get(file) ?? 'the authorities were not read',
  };
  const { config, diagnostics } = resolve(draft, names);
  const lacking = [
    ...(mode === undefined ? [] : exposure(draft, path, mode)),
    ...(await unwritableFiles(draft, logsToFile, looker)),
    ...(await missingPackages(config, draft, lookups.isInstalled)),
    ...(await missingDirectory(draft)),
    ...(await missingInterface(draft)),
    ...(await unusableToken(draft, looker)),
  ];
  return {
    path,
    digest: digestOf(text),
    config: lacking.some(({ severity }) => severity === 'error') ? undefined : config,
    diagnostics: inFileOrder([...diagnostics, ...lacking]),
    lines: draft.lines,
  };
}

/** As ldirectord: it may be made later. */
async function missingDirectory({ given }: Draft): Promise<Diagnostic[]> {
  const directory = last(given, 'maintenancedir');
  if (directory === undefined) return [];
  const found = await stat(directory.value).catch(() => undefined);
  if (found?.isDirectory()) return [];
  const problem = found === undefined ? 'does not exist' : 'is not a directory';
  const hint = 'create it; until then no server is in maintenance';
  return [warningAt(directory.place, `the maintenance directory ${directory.value} ${problem}`, hint)];
}

/** It may come up later. */
async function missingInterface({ given }: Draft): Promise<Diagnostic[]> {
  const sync = last(given, 'syncdaemon');
  if (sync === undefined) return [];
  const { interface: name } = sync.value;
  // Not /sys, which may show the interfaces of another network namespace.
  const known = await readFile('/proc/net/dev', 'latin1').catch(() => undefined);
  if (known?.split('\n').some((line) => line.trimStart().startsWith(`${name}:`)) ?? true) return [];
  const hint = 'it is tried again until there is one; "ip link" lists those that there are';
  return [warningAt(sync.place, `there is no network interface ${name} to synchronise connections over`, hint)];
}

/** The status page's token; a visitor may not be allowed to read what the daemon can. */
async function unusableToken({ given }: Draft, looker: Looker): Promise<Diagnostic[]> {
  const file = last(given, 'statustoken');
  if (file === undefined || last(given, 'statuslisten') === undefined) return [];
  try {
    const { isOpen } = await readToken(file.value);
    if (!isOpen) return [];
    const hint = `chmod o= ${file.value}`;
    return [warningAt(file.place, `every user of this machine may read or write the token in ${file.value}`, hint)];
  } catch (error) {
    const tell = looker === 'visitor' ? warningAt : errorAt;
    return [tell(file.place, messageOf(error), `make one: (umask 077; openssl rand -hex 24 > ${file.value})`)];
  }
}

/** The one library that is not installed with this program: it is large, and few need it. */
async function missingPackages(
  config: Config | undefined,
  draft: Draft,
  isInstalled: Lookups['isInstalled'],
): Promise<Diagnostic[]> {
  const users = (config?.virtuals ?? []).filter(({ reals }) => reals.some(({ check }) => asksOracle(check.spec)));
  if (users.length === 0 || (await isInstalled('oracledb'))) return [];
  return users.map(({ line }) => {
    const block = draft.virtuals.find(({ place }) => place.line === line);
    return errorAt(
      (block && (last(block.given, 'service')?.place ?? block.place)) ?? { line, column: 1, length: 1 },
      'the oracle check needs the package oracledb, which is not installed',
      `install it where this program finds it: ${installation('oracledb@26')}`,
    );
  });
}

function asksOracle(spec: CheckSpec): boolean {
  return spec.kind === 'oracle' || (spec.kind === 'combined' && spec.negotiate.kind === 'oracle');
}

/** The command that puts a package beside this program, which is a clone of its repository or installed by npm. */
function installation(name: string): string {
  if (isSea()) return `npm install --prefix /usr/local/lib ${name}`;
  const root = dirname(dirname(realpathSync(process.argv[1] ?? '.')));
  if (basename(dirname(root)) === 'node_modules') return `npm install -g ${name}`;
  return `npm install --no-save --prefix ${root} ${name}`;
}

/** Loads it, which costs a tenth of a second once: whether it can be found and whether it works is the same question then. */
async function isInstalled(name: 'oracledb'): Promise<boolean> {
  return import(name).then(
    () => true,
    () => false,
  );
}

/** Files that the configuration wants written and that cannot be. Nothing is created. */
async function unwritableFiles(draft: Draft, logsToFile: boolean, looker: Looker): Promise<Diagnostic[]> {
  const logFile = last(draft.given, 'logfile');
  const wanted = [
    ...(logsToFile && logFile?.value.kind === 'file'
      ? [{ place: logFile.place, path: logFile.value.path, name: 'logfile' }]
      : []),
    ...draft.virtuals.flatMap(({ given }) => {
      const monitor = last(given, 'monitorfile');
      return monitor === undefined ? [] : [{ place: monitor.place, path: monitor.value, name: 'monitorfile' }];
    }),
  ];
  const found = await Promise.all(
    wanted.map(async ({ place, path, name }) => {
      const problem = await whyUnwritable(path);
      if (problem === undefined) return [];
      const message = `cannot write the ${name} ${path}: ${problem}`;
      return looker === 'visitor'
        ? [
            warningAt(
              place,
              message,
              'that is an error when the daemon, which may be another user, cannot write it either',
            ),
          ]
        : [errorAt(place, message, 'create the directory, mend the permissions, or name another file')];
    }),
  );
  return found.flat();
}

async function whyUnwritable(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).isDirectory()) return 'it is a directory';
    await access(path, constants.W_OK);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return systemReason(error);
  }
  const directory = dirname(path);
  return access(directory, constants.W_OK | constants.X_OK).then(
    () => undefined,
    (error) => `${directory}: ${systemReason(error)}`,
  );
}

/** The diagnostics as text, one block each. */
export function formatDiagnostics({ path, lines, diagnostics }: Loaded, color = false): string[] {
  return diagnostics.map((found) => formatDiagnostic(found, { file: path, lines, color }));
}

/** "1 error", "3 errors". */
export function errorCount({ diagnostics }: Loaded): string {
  return counted(diagnostics.filter(({ severity }) => severity === 'error').length, 'error');
}
