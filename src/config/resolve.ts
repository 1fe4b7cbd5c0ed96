// Draft + names -> Config: global defaults, one virtual after the other, and what contradicts itself between them.
import { collect, type Diagnostic, errorAt, warningAt } from './diagnostic.ts';
import { type DirectiveName, type Given, last } from './directives.ts';
import { type Config, DEFAULT_LOGFILE, isLocal, type Virtual, virtualKey } from './model.ts';
import type { Names } from './names.ts';
import type { Draft } from './parse.ts';
import { BlockResolver, present } from './resolve-virtual.ts';

export interface Resolved {
  /** Absent when there is an error among the diagnostics (the parser's included). */
  readonly config: Config | undefined;
  /** All of them, the parser's too. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Understands a draft. Pure: every name it needs is in `names`. */
export function resolve(draft: Draft, names: Names): Resolved {
  const diagnostics = [...draft.diagnostics];
  const seen = new Map<string, number>();
  const virtuals: Virtual[] = [];
  for (const block of draft.virtuals) {
    const virtual = collect(diagnostics, () => new BlockResolver(draft.given, block, names, diagnostics).virtual());
    if (virtual === undefined) continue;
    const before = seen.get(virtualKey(virtual));
    if (before !== undefined) {
      diagnostics.push(
        errorAt(
          block.place,
          `this virtual service is there already, on line ${before}`,
          'merge the two blocks, or remove one',
        ),
      );
    }
    seen.set(virtualKey(virtual), block.place.line);
    virtuals.push(virtual);
  }
  if (draft.virtuals.length === 0 && !draft.diagnostics.some(({ severity }) => severity === 'error')) {
    diagnostics.push(
      warningAt(
        { line: Math.max(1, draft.lines.length), column: 1, length: 1 },
        'there is no virtual service in this file',
        'a block is opened by a line virtual = address:port',
      ),
    );
  }
  diagnostics.push(...statusProblems(draft.given));
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  return { config: failed ? undefined : { ...globals(draft.given), virtuals }, diagnostics: distinct(diagnostics) };
}

/** A global value that is wrong for several virtuals is told once. */
function distinct(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const key = ({ line, column, message }: Diagnostic): string => `${line}:${column}:${message}`;
  return [...new Map(diagnostics.map((found) => [key(found), found])).values()];
}

function globals(given: Given): Omit<Config, 'virtuals'> {
  const value = <K extends DirectiveName>(name: K) => last(given, name)?.value;
  return {
    log: value('logfile') ?? { kind: 'file', path: DEFAULT_LOGFILE },
    logFormat: value('logformat') ?? 'classic',
    readdQuiescent: value('readdquiescent') ?? false,
    autoReload: value('autoreload') ?? false,
    execute: (given.execute ?? []).map((located) => located.value),
    supervised: value('supervised') ?? false,
    ...present('callback', value('callback')),
    ...present('alertsFrom', value('emailalertfrom')),
    ...present('maintenanceDir', value('maintenancedir')),
    ...present('syncDaemon', value('syncdaemon')),
    ...present('statusListen', value('statuslisten')),
    ...present('statusToken', value('statustoken')),
  };
}

/** What the network can reach is never open to everybody. */
function statusProblems(given: Given): Diagnostic[] {
  const [listen, token] = [last(given, 'statuslisten'), last(given, 'statustoken')];
  if (listen === undefined && token !== undefined)
    return [warningAt(token.place, 'statustoken does nothing without statuslisten', 'add statuslisten, or remove it')];
  if (listen === undefined || token !== undefined || isLocal(listen.value)) return [];
  return [
    errorAt(
      listen.place,
      'the status page would be open to the whole network, because there is no statustoken',
      'listen on 127.0.0.1, on [::1] or on a unix socket, or add statustoken = /path/to/a/file with a secret in it',
    ),
  ];
}
