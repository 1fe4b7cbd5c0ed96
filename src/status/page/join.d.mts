export function joinPage(): Promise<string>;
export function insert(html: string, element: string, text: string): string;
