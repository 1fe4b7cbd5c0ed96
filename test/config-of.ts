// A configuration from its text, without name servers: what most tests here begin with.
import { readFileSync } from 'node:fs';
import { formatDiagnostic } from '../src/config/diagnostic.ts';
import { Authorities, type Config } from '../src/config/model.ts';
import { parse } from '../src/config/parse.ts';
import { resolve } from '../src/config/resolve.ts';

/** The configuration; throws with its diagnostics when it has errors. PEM files that sslverify names are read. */
export function configOf(text: string): Config {
  const draft = parse(text);
  const { config, diagnostics } = resolve(draft, {
    address: () => undefined,
    port: () => undefined,
    authorities: (file = '/etc/ssl/certs/ca-certificates.crt') =>
      new Authorities(file, readFileSync(file, 'latin1'), file),
  });
  if (config !== undefined) return config;
  throw new Error(
    diagnostics.map((found) => formatDiagnostic(found, { file: 'test.cf', lines: draft.lines })).join('\n'),
  );
}
