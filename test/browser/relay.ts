// The network between a browser and a daemon, which can fall silent or be cut.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mood: 'open' | 'held' | 'cut' = 'open';
  url = '';

  private constructor(port: number) {
    this.#server = createServer((near) => this.#join(near, connect(port, '127.0.0.1')));
  }

  /** From a free port of 127.0.0.1 to this one; gone with the test. */
  static async start(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    relay.url = `http://127.0.0.1:${(relay.#server.address() as AddressInfo).port}/`;
    onTestFinished(async () => {
      relay.cut();
      await new Promise((resolve) => relay.#server.close(resolve));
    });
    return relay;
  }

  /** Connections stay, and nothing goes through them. */
  hold(): void {
    this.#mood = 'held';
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** Every connection ends, and so does each new one. */
  cut(): void {
    this.#mood = 'cut';
    for (const socket of this.#sockets) socket.destroy();
  }

  /** New connections go through; those that were held are lost, as they are when a network has changed. */
  resume(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#mood = 'open';
  }

  #join(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      if (this.#mood === 'open') socket.pipe(other);
    }
    if (this.#mood === 'cut') near.destroy();
  }
}
