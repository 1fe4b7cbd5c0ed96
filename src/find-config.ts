// Where a configuration is looked for, in ldirectord's order.
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';

const DIRECTORIES = ['/etc/ha.d', '/etc/ha.d/conf'];

/** The paths that a configuration's name may mean. One that says where it starts (/…, ./…, ../…) means only itself, seen from `directory`. */
export function placesOf(config: string, directory = process.cwd()): string[] {
  if (/^\.{0,2}\//.test(config)) return [resolve(directory, config)];
  return [...DIRECTORIES.map((each) => resolve(each, config)), resolve(directory, config)];
}

/** The first of them that is there. */
export async function firstThere(places: readonly string[]): Promise<string | undefined> {
  const there = await Promise.all(
    places.map((place) =>
      access(place).then(
        () => true,
        () => false,
      ),
    ),
  );
  return places.find((_, index) => there[index]);
}
