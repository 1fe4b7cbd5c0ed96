// A configuration from its text, without files or name servers: what most tests here begin with.
import { formatDiagnostic } from '../src/config/diagnostic.ts';
import type { Config } from '../src/config/model.ts';
import { parse } from '../src/config/parse.ts';
import { resolve } from '../src/config/resolve.ts';

/** The configuration; throws with its diagnostics when it has errors. */
export function configOf(text: string): Config {
  const draft = parse(text);
  const { config, diagnostics } = resolve(draft, { address: () => undefined, port: () => undefined });
  if (config !== undefined) return config;
  throw new Error(
    diagnostics.map((found) => formatDiagnostic(found, { file: 'test.cf', lines: draft.lines })).join('\n'),
  );
}
