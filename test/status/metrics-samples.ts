// The samples of a text that Prometheus reads.

/** Values by series, `name{labels}`. */
export function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

/** Those of one server. */
export function seriesOf(samples: ReadonlyMap<string, number>, server: string): Record<string, number> {
  return Object.fromEntries([...samples].filter(([series]) => series.includes(`server="${server}"`)));
}

/** Every metric that is announced, and every name that a sample of it bears. */
export function namesOf(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    found.add(name);
    if (type === 'histogram') for (const suffix of ['_bucket', '_sum', '_count']) found.add(`${name}${suffix}`);
  }
  return found;
}
