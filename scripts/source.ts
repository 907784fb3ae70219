import ts from 'typescript'
import type { SourceFile } from './source-files.ts'

/** The names a file exports without a doc comment. Re-exports are documented where they are declared. */
export function undocumentedExports({ path, text }: SourceFile): readonly string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  return source.statements
    .filter(isExported)
    .flatMap((statement) => (ts.getJSDocCommentsAndTags(statement).length > 0 ? [] : namesOf(statement)))
}

function isExported(statement: ts.Statement): boolean {
  return ts.canHaveModifiers(statement) && (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
}

/** Overloads share the comment of the first. */
function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText())
  if (ts.isFunctionDeclaration(statement) && isLaterOverload(statement)) return []
  return 'name' in statement ? [(statement.name as ts.Node).getText()] : [statement.getText().slice(0, 40)]
}

function isLaterOverload(declaration: ts.FunctionDeclaration): boolean {
  const overloads = declaration
    .getSourceFile()
    .statements.filter((other) => ts.isFunctionDeclaration(other) && other.name?.text === declaration.name?.text)
  return overloads[0] !== declaration
}
