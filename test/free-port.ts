// Ports of 127.0.0.1 on which nobody listens, over TCP or UDP, and that nobody is given by chance until the test has used them.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that the kernel hands out (/proc/sys/net/ipv4/ip_local_port_range), and above those of services. */
const [FIRST, COUNT] = [12_000, 20_000];

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if ((await isFree(createServer().listen(port, '127.0.0.1'))) && (await isFree(createSocket('udp4').bind(port))))
      return port;
  }
}

async function isFree(holder: ReturnType<typeof createServer> | ReturnType<typeof createSocket>): Promise<boolean> {
  try {
    await once(holder, 'listening');
  } catch {
    return false;
  }
  const closed = once(holder, 'close');
  holder.close();
  await closed;
  return true;
}
