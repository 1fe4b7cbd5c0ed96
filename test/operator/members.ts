// Servers to give orders for, as a configuration has them.
import type { Config } from '../../src/config/model.ts';
import type { Health } from '../../src/health/health.ts';
import { memberKey } from '../../src/ipvs/desired.ts';
import type { Member } from '../../src/observer.ts';
import { configOf } from '../config-of.ts';

/** Virtual services 10.0.0.1:80, 10.0.0.1:81, … with so many servers each: 10.0.1.1:80, 10.0.1.2:80, … */
export function configWith(...counts: readonly number[]): Config {
  const virtuals = counts.map((count, index) => {
    const reals = Array.from(
      { length: count },
      (_, each) => `\treal = 10.0.${1 + (each >> 8)}.${each & 255}:80 masq 3\n`,
    );
    return `virtual = 10.0.0.1:${80 + index}\n\tservice = http\n\treceive = "found"\n${reals.join('')}`;
  });
  return configOf(virtuals.join(''));
}

export function membersIn(config: Config): Member[] {
  return config.virtuals.flatMap((virtual) => virtual.reals.map((real) => ({ virtual, real })));
}

export function memberIn(config: Config, index = 0): Member {
  const member = membersIn(config)[index];
  if (member === undefined) throw new Error(`there is no server ${index}`);
  return member;
}

export function keyOf({ virtual, real }: Member): string {
  return memberKey(virtual, real);
}

export const UP: Health = { state: 'up', failures: 0, reason: 'HTTP 200 OK', since: 5 };
