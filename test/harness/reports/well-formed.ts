/**
 * A strict tag parser, sufficient to prove that the tags of a text are nested and quoted correctly, and to list its
 * elements. For HTML, it handles void elements and does not read the content of a style element as markup; for XML, it
 * does neither.
 */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
}

const VOID = new Set(['meta', 'link', 'br', 'img', 'hr', 'input', 'wbr']);
const ENTITY = /&(?!(?:amp|lt|gt|quot|apos|#\d+);)/;
const TAG = /^<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/;

/** @throws Error with the position if the text is not well formed */
export function parseElements(text: string, language: 'html' | 'xml'): readonly Element[] {
  const found: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const open: number[] = [];
  let at = 0;
  const fail = (why: string): never => {
    throw new Error(`${why} at ${at}: ${text.slice(Math.max(0, at - 60), at + 80)}`);
  };
  while (at < text.length) {
    const next = text.indexOf('<', at);
    const content = text.slice(at, next === -1 ? undefined : next);
    if (ENTITY.test(content)) fail('a bare ampersand');
    if (content.includes('>') && language === 'xml') fail('a bare >');
    for (const index of open) (found[index] as { text: string }).text += content;
    if (next === -1) break;
    at = next;
    const declaration = /^<(?:!doctype html|\?xml [^?]*\?)>/i.exec(text.slice(at));
    if (declaration !== null) {
      at += declaration[0].length;
      continue;
    }
    const tag = TAG.exec(text.slice(at)) ?? fail('no tag');
    const [whole = '', closing, name = '', attributes = '', selfClosed] = tag;
    if (closing === '/') {
      const index = open.pop() ?? fail(`</${name}> closes nothing`);
      if (found[index]?.name !== name) fail(`</${name}> closes <${found[index]?.name}>`);
    } else {
      found.push({ name, attributes: attributesOf(attributes), text: '' });
      if (selfClosed !== '/' && !(language === 'html' && VOID.has(name))) open.push(found.length - 1);
    }
    at += whole.length;
    if (language === 'html' && name === 'style' && closing !== '/') at = text.indexOf('</style>', at);
  }
  if (open.length > 0) fail(`<${found[open[0] ?? 0]?.name}> is never closed`);
  return found;
}

function attributesOf(text: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)) {
    if (name in attributes) throw new Error(`duplicate attribute ${name} in ${text}`);
    if (ENTITY.test(value)) throw new Error(`a bare ampersand in ${name}="${value}"`);
    attributes[name] = value;
  }
  return attributes;
}
