// An explanation -> text in the syntax of ldirectord.cf, each value with where it comes from as a comment.
import type { Explained, ExplainedVirtual, Setting } from './explain.ts';
import { readLines } from './lines.ts';

/** Where comments begin, when what stands before them is not longer. */
const COMMENT_COLUMN = 44;
/** Of the list of what is not set. */
const MAX_WIDTH = 110;

/** The whole configuration; `heading` lines stand before it as comments. */
export function formatExplained({ globals, unset, virtuals }: Explained, heading: readonly string[] = []): string {
  const lines = [
    ...heading.map(comment),
    ...(heading.length > 0 ? [''] : []),
    ...globals.flatMap((setting) => settingLines(setting, '')),
    ...unsetLines(unset, ''),
    ...virtuals.flatMap((virtual) => ['', ...virtualLines(virtual)]),
  ];
  return `${lines.join('\n')}\n`;
}

function virtualLines({ virtual, settings, reals, unset }: ExplainedVirtual): string[] {
  return [
    ...settingLines(virtual, ''),
    ...settings.flatMap((setting) => settingLines(setting, '\t')),
    ...reals.flatMap((real) => [...settingLines(real, '\t'), `\t${comment(`its check: ${real.check}`)}`]),
    ...unsetLines(unset, '\t'),
  ];
}

function comment(text: string): string {
  return text === '' ? '#' : `# ${text}`;
}

/** One line, or the comment on a line before where it would become part of the value: behind a quote that is never closed. */
function settingLines({ name, value, from }: Setting, indent: string): string[] {
  const plain = `${indent}${name} = ${value}`;
  const whole = `${plain.padEnd(COMMENT_COLUMN - (indent === '' ? 0 : 7))} ${comment(from)}`;
  const read = readLines([whole]).lines[0]?.value?.text;
  return read === value ? [whole] : [`${indent}${comment(from)}`, plain];
}

function unsetLines(names: readonly string[], indent: string): string[] {
  const lines: string[] = [];
  let line = 'not set:';
  for (const [index, name] of names.entries()) {
    const word = ` ${name}${index < names.length - 1 ? ',' : ''}`;
    if (line.length + word.length > MAX_WIDTH) {
      lines.push(line);
      line = ' '.repeat('not set:'.length);
    }
    line += word;
  }
  return names.length === 0 ? [] : [...lines, line].map((text) => `${indent}${comment(text)}`);
}
