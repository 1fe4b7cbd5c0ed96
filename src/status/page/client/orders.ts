// What the operator may order of a server, once the token is known: asked for confirmation, sent, and the answer in words.

import type { OrderName, OrderOutcome } from '../../../operator/commands.ts';
import { counted } from '../../../wording.ts';
import type { ServerSnapshot } from '../../snapshot.ts';
import { byId, say } from './dom.ts';
import { refusalOf, wordsOf } from './feed.ts';
import { ORDER_WORDS } from './order-words.ts';
import type { Service } from './store.ts';
import { markOf, serviceTitle } from './words.ts';

const REQUEST_MS = 15_000;

/** The daemon has answered, and its words say what came of it. */
class Refused extends Error {}
class WrongToken extends Refused {}

export interface OrdersParts {
  /** The daemon has carried out an order. */
  readonly onDone: (key: string) => void;
  /** What came of it, in words. */
  readonly onSaid: (words: string) => void;
  /** The token is another one, or there is none. */
  readonly onToken: () => void;
}

export class Orders {
  readonly #parts: OrdersParts;
  /** In memory only: no storage of the browser has it. */
  #token: string | undefined;
  #asking: Promise<boolean> | undefined;
  #isSending = false;

  constructor(parts: OrdersParts) {
    this.#parts = parts;
    byId('order-form').addEventListener('submit', (event) => event.preventDefault());
  }

  get token(): string | undefined {
    return this.#token;
  }

  forget(): void {
    this.#token = undefined;
    this.#parts.onToken();
  }

  /** Asks the person for the token; false when there is none given. */
  askToken(words: string): Promise<boolean> {
    this.#asking ??= this.#askToken(words).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askToken(words: string): Promise<boolean> {
    const field = byId<HTMLInputElement>('token');
    field.value = '';
    say(byId('token-words'), words);
    const answer = await closed(byId<HTMLDialogElement>('token-dialog'));
    const given = field.value.trim();
    field.value = '';
    if (answer !== 'ok' || given === '') return false;
    this.#token = given;
    this.#parts.onToken();
    return true;
  }

  /** Nothing is sent without a confirmation. Resolves when the dialog is closed, done or not. */
  async give(op: OrderName, service: Service, server: ServerSnapshot): Promise<void> {
    if (this.#isSending) {
      this.#parts.onSaid('The last order has not been answered yet.');
      return;
    }
    const { key } = service.virtual;
    const weight = byId<HTMLInputElement>('weight');
    describe(op, service, server);
    const confirmed = new AbortController();
    byId('order-form').addEventListener(
      'submit',
      () => {
        const request = { op, virtual: orderName(key), real: server.name };
        void this.#carryOut(op === 'weight' ? { ...request, weight: Number(weight.value) } : request, key, op);
      },
      { signal: confirmed.signal },
    );
    await closed(byId<HTMLDialogElement>('order-dialog'));
    confirmed.abort();
  }

  /** What came of it is said in the dialog while it is open, and otherwise on the page. */
  async #carryOut(request: object, key: string, op: OrderName): Promise<void> {
    if (this.#isSending) return;
    const dialog = byId<HTMLDialogElement>('order-dialog');
    this.#isSending = true;
    say(byId('order-error'), '');
    say(byId('order-do'), 'Sending…');
    try {
      const outcomes = await this.#send(request);
      dialog.close();
      this.#parts.onSaid(saidOf(outcomes));
      this.#parts.onDone(key);
    } catch (error) {
      const words =
        error instanceof Refused
          ? `The daemon says: ${error.message}`
          : `No answer, so look whether it was done: ${wordsOf(error)}`;
      if (dialog.open) say(byId('order-error'), words);
      else this.#parts.onSaid(words);
      if (error instanceof WrongToken)
        await this.askToken(
          'The daemon does not accept this token. It is the content of the file that statustoken names.',
        );
    } finally {
      say(byId('order-do'), ORDER_WORDS[op].button);
      this.#isSending = false;
    }
  }

  async #send(request: object): Promise<readonly OrderOutcome[]> {
    const response = await fetch('api/v1/orders', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.#token}` },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(REQUEST_MS),
      credentials: 'omit',
    });
    if (response.status === 401) {
      this.forget();
      throw new WrongToken(await refusalOf(response));
    }
    if (!response.ok) throw new Refused(await refusalOf(response));
    return ((await response.json()) as { outcomes: readonly OrderOutcome[] }).outcomes;
  }
}

/** Fills the dialog. */
function describe(op: OrderName, { virtual, standing }: Service, server: ServerSnapshot): void {
  const { button, effect } = ORDER_WORDS[op];
  const takesOut = op === 'drain' || op === 'disable';
  const weight = byId<HTMLInputElement>('weight');
  const connections = server.kernel?.activeConnections ?? 0;
  const has = takesOut && connections > 0 ? ` It has ${counted(connections, 'active connection')} now.` : '';
  say(byId('order-title'), `${button}: ${server.name}`);
  say(byId('order-words'), `${server.name} of ${serviceTitle(virtual)}. ${effect}${has}`);
  say(
    byId('order-warning'),
    virtual.fallback === undefined
      ? 'It is the last server that is up: nobody would serve this service.'
      : 'It is the last server that is up: the fallback would have the traffic.',
  );
  byId('order-warning').hidden = !(takesOut && standing.up === 1 && markOf(server) === 'up');
  byId('weight-label').hidden = op !== 'weight';
  weight.disabled = op !== 'weight';
  weight.required = op === 'weight';
  weight.value = String(server.override?.kind === 'weight' ? server.override.weight : server.weight);
  say(byId('order-error'), '');
  say(byId('order-do'), button);
}

/** What the daemon calls a service in orders: a mark's key has its family, which orders do not know. */
function orderName(key: string): string {
  return key.replace(/^fwm6:/, 'fwm:');
}

function saidOf(outcomes: readonly OrderOutcome[]): string {
  return outcomes.map(({ real, virtual, done }) => `${real} (${virtual}) ${done}`).join('; ');
}

/** Shows a dialog; resolves with the value of the button that closed it, "" for Escape. */
function closed(dialog: HTMLDialogElement): Promise<string> {
  return new Promise((resolve) => {
    dialog.returnValue = '';
    dialog.addEventListener('close', () => resolve(dialog.returnValue), { once: true });
    dialog.showModal();
  });
}
