// Connections that stay open for a whole test, and the servers at their other end, which say who they are and then echo.
import { connect, createServer, type Socket } from 'node:net';

/** The client's port, where the connection ends, and how it fares: `alive` (just now there was an echo), `silent`, or `error: …`. */
export interface ConnectionState {
  readonly port: number;
  readonly server: string;
  readonly state: string;
}

const GREETING_MS = 5_000;
/** A silent connection may be one whose packet has just been sent again, later each time. */
const ECHO_MS = 1_500;

export class EchoServer {
  readonly #listener: { readonly name: string; readonly address: string; readonly port: number };

  constructor(listener: { readonly name: string; readonly address: string; readonly port: number }) {
    this.#listener = listener;
  }

  listen(): Promise<void> {
    const { name, address: host, port } = this.#listener;
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(`${name}\n`);
      socket.pipe(socket);
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => resolve());
    });
  }
}

export class OpenConnections {
  readonly #connections: OpenConnection[] = [];

  /** Opens so many, one after the other, and resolves with the names of the servers they have come to. */
  async open(count: number, to: { host: string; port: number; from: string }): Promise<string[]> {
    const names: string[] = [];
    for (let index = 0; index < count; index++) {
      const connection = new OpenConnection(connect({ host: to.host, port: to.port, localAddress: to.from }));
      this.#connections.push(connection);
      names.push(await connection.greeting());
    }
    return names;
  }

  /** Says something on each and waits for the echo. */
  states(): Promise<ConnectionState[]> {
    return Promise.all(this.#connections.map((connection) => connection.state()));
  }
}

class OpenConnection {
  readonly #socket: Socket;
  #received = '';
  #heard = (): void => {};
  #end = '';
  #said = 0;
  #server = '?';
  #port = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
      this.#heard();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#end = `error: ${error.code ?? error.message}`;
    });
    socket.on('close', () => {
      this.#end ||= 'error: closed by the server';
      this.#heard();
    });
  }

  async greeting(): Promise<string> {
    await this.#until(() => this.#received.includes('\n'), GREETING_MS);
    this.#port = this.#socket.localPort ?? 0;
    this.#server = this.#received.split('\n')[0] || this.#end || 'error: no greeting';
    return this.#server;
  }

  async state(): Promise<ConnectionState> {
    const word = `<${this.#said++}>`;
    this.#socket.write(word);
    await this.#until(() => this.#received.endsWith(word), ECHO_MS);
    const alive = this.#received.endsWith(word);
    return { port: this.#port, server: this.#server, state: this.#end || (alive ? 'alive' : 'silent') };
  }

  /** Resolves when it is so, when the connection has ended, or after so long. */
  #until(condition: () => boolean, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#heard = () => {};
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#heard = () => {
        if (condition() || this.#end !== '') done();
      };
      this.#heard();
    });
  }
}
