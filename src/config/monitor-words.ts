// A real server and its check as ldirectord tells them apart, which is also how lines of a monitorfile begin.
import type { CheckSettings } from './check-plan.ts';
import { last } from './directives.ts';
import { formatHost, type Real } from './model.ts';
import type { OwnExchange } from './negotiate.ts';
import { hideRequestSecrets, hideSecrets } from './secrets.ts';

/**
 * `negotiate http tcp 10.8.8.48 80 1 gate /lbcheck.html found`: check and service (or command), protocol, address, configured port,
 * virtualhost and checkport if there are any, weight, forwarding, request, receive. Tools find their server by this text, so it is
 * ldirectord's to the letter: any number of colons is one blank (in IPv6 addresses too), and backslashes are gone. But no secret is
 * told: everybody may read such a file.
 */
export function monitorWords(
  { checkType, service, given, virtual }: Pick<CheckSettings, 'checkType' | 'service' | 'given' | 'virtual'>,
  real: Pick<Real, 'address' | 'port' | 'weight' | 'forwarding'>,
  own: OwnExchange,
): string {
  const request = own.request?.text ?? last(given, 'request')?.value.text ?? '/';
  const words = [
    ...checkWords(checkType, service, last(given, 'checkcommand')?.value ?? ['/bin/true']),
    virtual.protocol,
    formatHost(real.address),
    real.port,
    last(given, 'virtualhost')?.value ?? '',
    last(given, 'checkport')?.value ?? '',
    real.weight,
    real.forwarding,
    hideRequestSecrets(request.startsWith('/') ? request : `/${request}`),
    hideSecrets(own.receive?.text ?? last(given, 'receive')?.value.text ?? ''),
  ];
  return words.join(':').replace(/:+/g, ' ').replaceAll('\\', '');
}

function checkWords(
  checkType: CheckSettings['checkType'],
  service: CheckSettings['service'],
  command: readonly string[],
): string[] {
  if (typeof checkType === 'number') return ['combined', service];
  if (checkType === 'negotiate') return [checkType, service];
  if (checkType !== 'external' && checkType !== 'external-perl') return [checkType];
  return [checkType, hideSecrets(command.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' '))];
}
