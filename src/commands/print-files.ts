// --print-files: what is installed beside the program, and where each file belongs. A table for people, tabs for scripts.
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isSea } from 'node:sea';
import { err, print } from './call.ts';
import { INSTALLED_FILES } from './installed-files.ts';

/** FILE, TARGET (`-`: it is in its place), WHAT. */
type Row = readonly [file: string, target: string, what: string];

/** Resolves with the exit code. */
export async function printFiles(): Promise<number> {
  const rows = (isSea() ? inTheirPlaces() : besideTheProgram()).filter(([file]) => existsSync(file));
  if (rows.length === 0) {
    err('Nothing is installed beside this single executable; the Debian package and the npm package bring it along.');
    return 1;
  }
  await print(process.stdout.isTTY === true ? table([['FILE', 'BELONGS AT', 'WHAT'], ...rows]) : tabs(rows));
  return 0;
}

/** A single executable comes alone, or in the Debian package. */
function inTheirPlaces(): Row[] {
  return INSTALLED_FILES.flatMap(({ debian, what }) => (debian === undefined ? [] : [[debian, '-', what] as const]));
}

function besideTheProgram(): Row[] {
  // The program is in bin/, or dist/ when that is run.
  const root = dirname(dirname(realpathSync(process.argv[1] ?? '')));
  return INSTALLED_FILES.map(({ source, target, what }) => [join(root, source), target, what]);
}

function tabs(rows: readonly Row[]): string {
  return rows.map((row) => `${row.join('\t')}\n`).join('');
}

function table(rows: readonly Row[]): string {
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  return rows.map(([file, target, what]) => `${file.padEnd(first)}  ${target.padEnd(second)}  ${what}\n`).join('');
}
