// Lines -> Draft: which directive stands where, with its value read. Names are still names; defaults are not filled in.
import { type Diagnostic, errorAt, type Place, problemToError, type Spot, warningAt } from './diagnostic.ts';
import {
  DIRECTIVES,
  type Directive,
  type DirectiveName,
  directive,
  type Given,
  type Located,
  REPLACED,
} from './directives.ts';
import { type ConfigLine, readLines, splitLines } from './lines.ts';
import { HIDDEN, hideRequestSecrets, hideSecrets } from './secrets.ts';
import type { VirtualText } from './server-values.ts';
import { nearest } from './suggest.ts';
import { placeOf } from './values.ts';

/** One virtual block. */
export interface DraftVirtual {
  readonly address: VirtualText;
  readonly place: Place;
  readonly given: Given;
}

/** A file as far as it can be understood without looking up names. */
export interface Draft {
  readonly given: Given;
  readonly virtuals: readonly DraftVirtual[];
  readonly diagnostics: readonly Diagnostic[];
  /** The file's lines with secrets masked, for showing diagnostics. */
  readonly lines: readonly string[];
}

/** Reads a whole file; every error in it becomes a diagnostic. */
export function parse(text: string): Draft {
  const raw = splitLines(text);
  const { lines, diagnostics } = readLines(raw);
  const globals: Given = {};
  const virtuals: DraftVirtual[] = [];
  let block: Given | 'none' = 'none';
  let endedBy: Spot | undefined;
  for (const entry of lines) {
    if (entry.broken) {
      // One mistake is told once: the lines below it are checked as if they stood in a block.
      if (entry.key.column === 1 || block === 'none') block = {};
      continue;
    }
    try {
      if (entry.key.text === 'virtual' || entry.key.text === 'virtual6') {
        // Opened even when the virtual= line itself is wrong: the lines of its block are checked all the same.
        block = {};
        if (entry.indented) {
          diagnostics.push(
            errorAt(
              entry.key,
              `${entry.key.text}= is indented`,
              'start it in the first column: it opens a block of its own',
            ),
          );
        }
        const address = DIRECTIVES[entry.key.text].parse(valueSpotOf(entry));
        virtuals.push({ address, place: placeOf(address.spot), given: block });
        continue;
      }
      const row = rowOf(entry, block !== 'none', endedBy, diagnostics);
      if (row === undefined) {
        // Here, too. What belongs into a block leaves the block open; what is unknown may have been meant to open one.
        const known = directive(entry.key.text);
        const none = block === 'none';
        if (entry.indented ? none && known !== undefined : none || known?.scope !== 'virtual') block = {};
        continue;
      }
      if (!entry.indented) {
        if (block !== 'none') endedBy = entry.key;
        block = 'none';
      }
      const target = entry.indented && block !== 'none' ? block : globals;
      store(target, entry, row, diagnostics);
    } catch (thrown) {
      diagnostics.push(problemToError(thrown));
    }
  }
  return { given: globals, virtuals, diagnostics, lines: raw.map(maskSecret) };
}

function valueSpotOf(entry: ConfigLine) {
  return entry.value ?? { ...entry.key, text: '' };
}

function rowOf(
  entry: ConfigLine,
  inBlock: boolean,
  endedBy: Spot | undefined,
  diagnostics: Diagnostic[],
): Directive<unknown> | undefined {
  const name = entry.key.text;
  const row = directive(name);
  const fail = (message: string, hint: string): undefined => {
    diagnostics.push(errorAt(entry.key, message, hint));
  };
  if (row === undefined) {
    const replaced = Object.hasOwn(REPLACED, name) ? REPLACED[name] : undefined;
    if (replaced !== undefined) return fail(`${name} is no longer used`, replaced);
    const near = nearest(name, Object.keys(DIRECTIVES)) ?? (/^pas+/i.test(name) ? 'passwd' : undefined);
    return fail(
      `unknown directive "${name}"`,
      near === undefined ? 'see the table of directives in the README' : `did you mean "${near}"?`,
    );
  }
  if (entry.indented && !inBlock) {
    const move = `${directive(endedBy?.text ?? '')?.scope === 'both' ? 'indent it, or ' : ''}move it above the virtual= line`;
    const ended = endedBy && `${endedBy.text} on line ${endedBy.line} ended the block; ${move}`;
    const belongs = row.scope === 'virtual' ? 'it belongs below a virtual= line' : 'start it in the first column';
    return fail('this line is indented, but no virtual block is open', ended ?? belongs);
  }
  if (entry.indented && row.scope === 'global') {
    return fail(`${name} is a global directive`, 'move it above the first virtual= line, unindented');
  }
  if (!entry.indented && row.scope === 'virtual') {
    return fail(`${name} belongs into a virtual block`, 'indent it by a tab or four spaces, below its virtual= line');
  }
  if (entry.value === undefined && name !== 'supervised')
    return fail(`${name} has no value`, `expected: ${name} = ${row.syntax}`);
  return row;
}

function store(target: Given, entry: ConfigLine, row: Directive<unknown>, diagnostics: Diagnostic[]): void {
  const name = entry.key.text as DirectiveName;
  const bare = entry.value === undefined;
  const value = bare ? true : row.parse(valueSpotOf(entry));
  const lists = target as Record<string, Located<unknown>[]>;
  lists[name] ??= [];
  const list = lists[name];
  const before = list.at(-1);
  const warn = (message: string, hint: string) => diagnostics.push(warningAt(entry.key, message, hint));
  if (before !== undefined && row.repeatable === undefined)
    warn(`${name} is given again`, `this one counts, not that of line ${before.place.line}`);
  if (bare) warn('supervised stands alone', 'it means yes; write supervised = yes');
  if (row.deprecated !== undefined) warn(`${name} is deprecated`, row.deprecated);
  list.push({ value, place: placeOf(valueSpotOf(entry)) });
}

const SECRETIVE = /pas|psw|pw|secr|secer/i;

/** Hides what is, or by its name may be, a secret: all that follows such a name, whatever else is wrong with the line. */
function maskSecret(line: string): string {
  const [, lead = '', name = '', equals = ''] = /^(\s*)([\w-]*)(\s*=?)/.exec(line) ?? [];
  const row = directive(name);
  const hidden =
    row === undefined
      ? SECRETIVE.test(line.split('=', 1)[0] ?? '') || directive(nearest(name, Object.keys(DIRECTIVES)) ?? '')?.secret
      : row.secret;
  if (hidden) return `${lead}${row !== undefined || equals.endsWith('=') ? name + equals : ''} ${HIDDEN}`;
  // Not the name itself: statustoken = is the path of a file.
  const before = row === undefined ? 0 : lead.length + name.length + equals.length;
  const hide = /^(request|real6?)$/.test(name) ? hideRequestSecrets : hideSecrets;
  return line.slice(0, before) + hide(line.slice(before), ` ${HIDDEN}`);
}
