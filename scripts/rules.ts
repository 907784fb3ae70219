import ts from 'typescript'
import type { SourceFile } from './source-files.ts'

/** Rule numbers that a document states: `**P1**` or `**I7 No loss.**`. */
export function statedRules(markdown: string): readonly string[] {
  return [...markdown.matchAll(/\*\*([A-Z]{1,3}\d+)\b/g)].flatMap(([, rule]) => rule ?? [])
}

/** Rule numbers that the titles of a file's tests cite: `it('[P1] …')`, `describe('… [P1] [P2]')`, `it.each([['[P1] …', x]])('%s', …)`. */
export function citedRules({ path, text }: SourceFile): readonly string[] {
  const cited: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText())) {
      const title = node.arguments[0]
      if (title && !ts.isFunctionLike(title))
        cited.push(...[...title.getText().matchAll(/\[([A-Z]{1,3}\d+)\]/g)].flatMap(([, rule]) => rule ?? []))
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))
  return cited
}
