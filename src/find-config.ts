// Where a configuration is looked for, in ldirectord's order.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const DIRECTORIES = ['/etc/ha.d', '/etc/ha.d/conf'];

/** The paths that a configuration's name may mean. One that says where it starts (/…, ./…, ../…) means only itself, seen from `directory`. */
export function placesOf(config: string, directory = process.cwd()): string[] {
  if (/^\.{0,2}\//.test(config)) return [resolve(directory, config)];
  return [...DIRECTORIES.map((each) => resolve(each, config)), resolve(directory, config)];
}

/** The first of them that is there. */
export function firstThere(places: readonly string[]): string | undefined {
  return places.find((place) => existsSync(place));
}
