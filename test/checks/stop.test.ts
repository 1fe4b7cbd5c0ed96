// What ends a run before its time.
import { expect, test } from 'vitest';
import { Stop } from '../../src/checks/stop.ts';

test('whoever listens is told, once, with the first reason', () => {
  const stop = new Stop();
  const heard: unknown[] = [];
  stop.onStop((reason) => heard.push(reason));
  stop.onStop((reason) => heard.push(reason))();
  expect(stop.isStopped).toBe(false);
  stop.throwIfStopped();
  stop.stop('late');
  stop.stop('dropped');
  expect(heard).toEqual(['late']);
  expect(stop.isStopped).toBe(true);
  expect(() => stop.throwIfStopped()).toThrow('late');
});

test.each(['before', 'after'])('a signal that is asked for %s it', (when) => {
  const stop = new Stop();
  if (when === 'before') expect(stop.signal.aborted).toBe(false);
  const reason = new Error('late');
  stop.stop(reason);
  expect(stop.signal).toMatchObject({ aborted: true, reason });
  expect(stop.signal).toBe(stop.signal);
});

test('without a reason it is an AbortError', () => {
  const stop = new Stop();
  stop.stop();
  expect(stop.signal.reason).toMatchObject({ name: 'AbortError' });
});
