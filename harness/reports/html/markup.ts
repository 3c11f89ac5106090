/**
 * Markup that is safe by construction: values in a template are escaped as text, unless they are
 * markup from this module, so that an error message cannot add an element to a page.
 */
import { cleanText } from '../wording.ts';

const ENTITY: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type Content = string | number | Markup | null | undefined | false | readonly Content[];

/** Template tag for HTML and SVG. Null, undefined and false render as nothing; lists are joined. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(
    parts.map((part, index) => part + (index < values.length ? renderContent(values[index]) : '')).join(''),
  );
}

function renderContent(content: Content): string {
  if (content === null || content === undefined || content === false) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'string' || typeof content === 'number') {
    return cleanText(String(content)).replace(/[&<>"']/g, (symbol) => ENTITY[symbol] ?? symbol);
  }
  return content.map(renderContent).join('');
}

/** Returns a name for `id` and `#` links: letters, digits and dashes. */
export function slugOf(text: string): string {
  return (
    cleanText(text)
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '') || 'none'
  );
}

/** Returns a link to a file in the run folder. The link starts with `./`, so that no path can become a scheme. */
export function fileHref(path: string): string {
  return `./${cleanText(path)
    .replace(/\ufffd/g, '')
    .split('/')
    .map(encodeURIComponent)
    .join('/')}`;
}
