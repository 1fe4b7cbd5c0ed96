// The figures as a Markdown table: a column for each program, with the ratio to one of them, and whether the goal is met.

/** What is aimed at, in words, and whether the measured value is that good. */
export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

/** One figure of each program, in the order of the columns; undefined where it was not measured. */
export interface Row {
  readonly what: string;
  readonly values: readonly (number | undefined)[];
  readonly unit: Unit;
  /** What Infinity is: that something did not come within this. */
  readonly limitMs?: number | undefined;
  readonly goal?: Goal | undefined;
}

export type Unit = 's' | 'ms' | 'MB' | '%' | '';

/** @param reference the column that the others' ratios are to; none are shown where it is undefined */
export function markdown(columns: readonly string[], rows: readonly Row[], reference?: number): string {
  const withGoals = rows.some(({ goal }) => goal !== undefined);
  const line = (cells: readonly string[]): string => `| ${(withGoals ? cells : cells.slice(0, -1)).join(' | ')} |`;
  const body = rows.map(({ what, values, unit, limitMs, goal }) => {
    const base = reference === undefined ? undefined : values[reference];
    const cells = values.map(
      (value, index) =>
        formatted(value, unit, limitMs) + (index === reference || unit === '' ? '' : ratio(value, base)),
    );
    return line([what, ...cells, goal === undefined ? '' : `${goal.text}: ${goal.met ? 'met' : '**not met**'}`]);
  });
  const titles = ['', ...columns, 'goal'];
  return [line(titles), `|${'---|'.repeat(titles.length - (withGoals ? 0 : 1))}`, ...body].join('\n');
}

function formatted(value: number | undefined, unit: Unit, limitMs = 0): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (value === Infinity) return limitMs > 0 ? `not within ${limitMs / 1000} s` : 'never';
  switch (unit) {
    case 's':
      return `${(value / 1000).toFixed(2)} s`;
    case 'ms':
      return `${value.toFixed(Math.abs(value) < 10 ? 2 : 0)} ms`;
    case 'MB':
      return `${value.toFixed(0)} MB`;
    case '%':
      return `${value.toFixed(1)} %`;
    case '':
      return Number.isInteger(value) ? String(value) : value.toFixed(1);
  }
}

function ratio(value: number | undefined, base: number | undefined): string {
  if (value === undefined || base === undefined || !Number.isFinite(value) || !(base > 0 && value >= 0)) return '';
  if (base === Infinity) return '';
  const times = value / base;
  return ` (×${times < 10 ? times.toPrecision(2) : times.toFixed(0)})`;
}
