// What is remembered of each server, how much of it, and that a restart adds nothing to it.
import { describe, expect, test } from 'vitest';
import { History, MOST_TRANSITIONS, type Transition } from '../../src/operator/history.ts';
import { configWith, keyOf, memberIn, UP } from './members.ts';

const CONFIG = configWith(2);
const MEMBER = memberIn(CONFIG);

function noted() {
  const seen: Transition[] = [];
  const history = new History((key, transition) => {
    if (key === keyOf(MEMBER)) seen.push(transition);
  });
  const words = (): string[] => history.of(MEMBER).map(({ to, reason }) => `${to} ${reason}`.trim());
  return { history, seen, words };
}

const hold = (reason: string | undefined, at = 1) => ({ reason, at });

test('what happens is kept in its order, and told once', () => {
  const { history, seen, words } = noted();
  history.turned(MEMBER, { state: 'up', at: 1, reason: 'ok' });
  history.held(MEMBER, hold('drained'));
  history.turned(MEMBER, { state: 'down', at: 2, reason: 'refused' });
  history.held(MEMBER, hold(undefined));
  expect(words()).toEqual(['up ok', 'held drained', 'down refused', 'released']);
  expect(seen).toEqual(history.of(MEMBER));
  expect(history.of(memberIn(CONFIG, 1))).toEqual([]);
});

describe('what was so already is no transition', () => {
  test('a check that finds what the last daemon found', () => {
    const { history, words } = noted();
    history.turned(MEMBER, { state: 'down', at: 1, reason: 'refused' });
    history.held(MEMBER, hold('drained'));
    history.turned(MEMBER, { state: 'down', at: 2, reason: 'timeout' });
    expect(words()).toEqual(['down refused', 'held drained']);
  });

  test('a hold that the last daemon knew, with checks in between', () => {
    const { history, words } = noted();
    history.held(MEMBER, hold('drained'));
    history.turned(MEMBER, { state: 'down', at: 2, reason: 'refused' });
    history.held(MEMBER, hold('drained'));
    expect(words()).toEqual(['held drained', 'down refused']);
  });

  test('a release of what was not held', () => {
    const { history, words } = noted();
    history.held(MEMBER, hold(undefined));
    expect(words()).toEqual([]);
  });
});

test('one of two holds ends: the other is told, then the release', () => {
  const { history, words } = noted();
  for (const reason of ['drained', 'maintenance', 'drained', undefined]) history.held(MEMBER, hold(reason));
  expect(words()).toEqual(['held drained', 'held maintenance', 'held drained', 'released']);
});

test('a long reason is cut, and the same one is still the same', () => {
  const { history } = noted();
  const reason = 'x'.repeat(1_000);
  history.held(MEMBER, hold(reason));
  history.held(MEMBER, hold(reason));
  expect(history.of(MEMBER).map((each) => each.reason.length)).toEqual([300]);
});

test('a clock that goes backwards does not change the order', () => {
  const { history } = noted();
  history.turned(MEMBER, { state: 'up', at: 1_000, reason: '' });
  history.turned(MEMBER, { state: 'down', at: 10, reason: '' });
  expect(history.of(MEMBER).map(({ at }) => at)).toEqual([1_000, 10]);
});

describe('catching up', () => {
  test('a server that was adopted, and one that was given back meanwhile', () => {
    const { history, words } = noted();
    history.turned(MEMBER, { state: 'down', at: 1, reason: 'refused' });
    history.held(MEMBER, hold('maintenance'));
    history.catchUp(MEMBER, UP, undefined, 9);
    expect(words()).toEqual(['down refused', 'held maintenance', 'up HTTP 200 OK', 'released']);
    expect(
      history
        .of(MEMBER)
        .slice(-2)
        .map(({ at }) => at),
    ).toEqual([5, 9]);
    history.catchUp(MEMBER, UP, undefined, 10);
    expect(words()).toHaveLength(4);
  });

  test('nothing is said of one that nobody has checked', () => {
    const { history, words } = noted();
    history.catchUp(MEMBER, { ...UP, state: 'unknown' }, undefined, 9);
    expect(words()).toEqual([]);
  });
});

describe('bounds', () => {
  test('the last hundred of each server', () => {
    const { history } = noted();
    for (let at = 0; at < 250; at++) history.turned(MEMBER, { state: at % 2 === 0 ? 'up' : 'down', at, reason: '' });
    expect(history.of(MEMBER)).toHaveLength(MOST_TRANSITIONS);
    expect(history.of(MEMBER)[0]?.at).toBe(150);
    expect(history.size).toBe(MOST_TRANSITIONS);
  });

  test('all together: those that change often lose theirs, quiet ones keep theirs', () => {
    const history = new History();
    history.restore('quiet', { at: 0, to: 'up', reason: '' });
    for (let server = 0; server < 2_500; server++)
      for (let at = 0; at < 100; at++) history.restore(`server ${server}`, { at, to: 'up', reason: '' });
    expect(history.size).toBeLessThanOrEqual(200_000);
    expect(history.size).toBeGreaterThan(100_000);
    expect(history.size).toBe([...history.all.values()].reduce((sum, { length }) => sum + length, 0));
    expect(history.all.get('quiet')).toHaveLength(1);
    expect(history.all.get('server 2499')).toHaveLength(100);
  });

  test('what a list of one moment says stays as it is', () => {
    const { history } = noted();
    history.turned(MEMBER, { state: 'up', at: 1, reason: '' });
    const then = history.of(MEMBER);
    history.turned(MEMBER, { state: 'down', at: 2, reason: '' });
    expect(then).toHaveLength(1);
  });
});
