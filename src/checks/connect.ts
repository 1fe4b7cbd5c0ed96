// TCP connect: up when the connection is accepted. Nothing is sent; it is closed at once.
import type { Check } from './check.ts';
import { openSocket } from './socket.ts';

export const connect: Check<'connect'> = async (target, _spec, ctx) => {
  ctx.trace?.('> connect');
  await openSocket(target, ctx);
  ctx.trace?.('< connected');
  return 'connected';
};
