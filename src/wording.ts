// Numbers and lists in words for people.

/** "1 server", "3 servers". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** "a, b, and 3 more": at most so many are named. */
export function named(names: readonly string[], most: number): string {
  const more = names.length > most ? `, and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}
