// check: what is wrong with a configuration, and what it means. Touches nothing, and needs neither root nor a kernel.
import { type Diagnostic, isAboutFile } from '../config/diagnostic.ts';
import { explain } from '../config/explain.ts';
import { formatExplained } from '../config/explain-format.ts';
import type { Config } from '../config/model.ts';
import { parse } from '../config/parse.ts';
import { HIDDEN, hideRequestSecrets, hideSecrets, hideSecretsInWords } from '../config/secrets.ts';
import { errorCount, formatDiagnostics, type Loaded, loadText, readConfiguration } from '../load.ts';
import { VERSION } from '../version.ts';
import { counted } from '../wording.ts';
import { type Call, configPath, print } from './call.ts';

/** Resolves with 0 when the configuration can be used, 2 when it has errors. Throws UsageError where there is no such file. */
export async function check(call: Call): Promise<number> {
  const path = configPath(call);
  const { text, mode } = await readConfiguration(path);
  const looker = process.geteuid?.() === 0 ? 'daemon' : 'visitor';
  const loaded = await loadText(text, path, undefined, true, looker, mode);
  await print(report(loaded, text, call));
  return loaded.config === undefined ? 2 : 0;
}

function report(loaded: Loaded, text: string, { flags }: Call): string {
  const { path, config } = loaded;
  if (flags.json) return `${JSON.stringify(asJson(loaded, text, flags.explain === true), undefined, 2)}\n`;
  const verdict = verdictOf(loaded);
  // An explanation can be read as a configuration, so what else there is to say stands in it as comments.
  const isExplained = flags.explain === true && config !== undefined;
  const color = !isExplained && process.stdout.isTTY === true;
  const told = [...formatDiagnostics(loaded, color), verdict];
  if (!isExplained) return `${told.join('\n')}\n`;
  return formatExplained(explain(text, parse(text), config), [
    `${path}, as tsdirectord ${VERSION} understands it; comments say where each value comes from`,
    ...told.flatMap((lines) => lines.split('\n')),
  ]);
}

function verdictOf(loaded: Loaded): string {
  const { path, config } = loaded;
  if (config === undefined) return `${path} has ${errorCount(loaded)}`;
  const { virtuals } = config;
  const reals = virtuals.flatMap((virtual) => virtual.reals);
  return `${path} is correct: ${counted(virtuals.length, 'virtual service')}, ${counted(reals.length, 'real server')}`;
}

/** The shape is part of the manual page. */
function asJson({ path, config, diagnostics }: Loaded, text: string, explained: boolean): unknown {
  return {
    file: path,
    correct: config !== undefined,
    diagnostics: diagnostics.map(withPlace),
    configuration: config === undefined ? null : withoutSecrets(config),
    ...(explained ? { explanation: config === undefined ? null : explain(text, parse(text), config) } : {}),
  };
}

/** What is about the whole file has no place. */
function withPlace(found: Diagnostic): unknown {
  return isAboutFile(found) ? { ...found, line: undefined, column: undefined, length: undefined } : found;
}

/** Patterns are told as their text. */
function withoutSecrets(config: Config): unknown {
  return JSON.parse(
    JSON.stringify(config, (key, value) => {
      if ((key === 'password' || key === 'secret') && value !== '') return HIDDEN;
      if (key === 'receive') return hideSecrets(value.text);
      if (isWords(value)) return hideSecretsInWords(value);
      if (typeof value !== 'string') return value;
      return key === 'request' ? hideRequestSecrets(value) : hideSecrets(value);
    }),
  );
}

function isWords(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((word) => typeof word === 'string');
}
