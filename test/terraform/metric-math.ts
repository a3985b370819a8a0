/** What each metric is in the minute that is looked at; what nobody ever reported is missing. */
export type Values = Readonly<Record<string, number | Late | undefined>>

/** Of this minute nothing is there yet; an earlier one was so. */
export type Late = { readonly before: number }

/**
 * FILL fills the gaps of a metric, and takes what is late for one. What it makes of a metric that has no value at all, AWS does
 * not say: it may fill it, too, or leave it missing.
 */
export type Reading = 'FILL fills what was never reported' | 'FILL leaves out what was never reported'

type Value = number | null
type Scope = { readonly values: Values; readonly reading: Reading }
type Operand = (scope: Scope) => Value

/**
 * An expression of CloudWatch's metric math at one point in time, as far as the modules use it. Null where it gives no value:
 * whatever is computed with something missing is missing, but SUM of a list passes over it, unless all of it is.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 *
 * @throws Error for what it does not understand
 */
export function evaluate(expression: string, scope: Scope): Value {
  const tokens = expression.match(/[a-z_]\w*|\d+(?:\.\d+)?|==|[<>+*/()[\],]|\S/gi) ?? []
  const value = readAnd(tokens)
  if (tokens.length > 0) throw new Error(`${expression}: cannot read from "${tokens.join(' ')}" on`)
  return value(scope)
}

const operators: Readonly<Record<string, (a: number, b: number) => number>> = {
  AND: (a, b) => Number(a !== 0 && b !== 0),
  '==': (a, b) => Number(a === b),
  '<': (a, b) => Number(a < b),
  '>': (a, b) => Number(a > b),
  '+': (a, b) => a + b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
}

/** The weakest first. */
const readAnd = toLevel(['AND'], toLevel(['==', '<', '>'], toLevel(['+'], toLevel(['*', '/'], readOperand))))

function toLevel(names: readonly string[], next: (tokens: string[]) => Operand) {
  return (tokens: string[]): Operand => {
    let left = next(tokens)
    while (names.includes(tokens[0] ?? '')) {
      const apply = operators[tokens.shift() ?? '']
      const [a, b] = [left, next(tokens)]
      left = (scope) => compute(a(scope), b(scope), apply)
    }
    return left
  }
}

function compute(a: Value, b: Value, apply: ((a: number, b: number) => number) | undefined): Value {
  return a === null || b === null || apply === undefined ? null : apply(a, b)
}

function readOperand(tokens: string[]): Operand {
  const token = tokens.shift() ?? ''
  if (/^\d/.test(token)) return () => Number(token)
  if (token === '(') return readGroup(tokens)
  if (token === 'SUM') return readSum(tokens)
  if (token === 'FILL') return readFill(tokens)
  if (token === 'IF') return readIf(tokens)
  if (/^[a-z]/.test(token)) return ({ values }) => toValue(values[token])
  throw new Error(`cannot read "${token}"`)
}

const toValue = (value: number | Late | undefined): Value => (typeof value === 'number' ? value : null)

function readGroup(tokens: string[]): Operand {
  const inner = readAnd(tokens)
  expect(tokens, ')')
  return inner
}

function readSum(tokens: string[]): Operand {
  const list = readList(tokens, ['(', '['], [']', ')'])
  return (scope) => {
    const there = list.map((one) => one(scope)).filter((value) => value !== null)
    return there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0)
  }
}

/** Of a metric. REPEAT repeats the last value; of what has none there is nothing to repeat. */
function readFill(tokens: string[]): Operand {
  const [, name = ''] = tokens
  const repeats = tokens[3] === 'REPEAT'
  if (repeats) tokens.splice(2, 2) // the comma too
  const [metric, by = () => null] = readList(tokens, ['('], [')'])
  return (scope) => {
    const told = scope.values[name]
    if (typeof told === 'object') return repeats ? told.before : by(scope)
    return metric?.(scope) ?? (scope.reading === 'FILL fills what was never reported' ? by(scope) : null)
  }
}

function readIf(tokens: string[]): Operand {
  const [condition, yes, no] = readList(tokens, ['('], [')'])
  return (scope) => {
    const decided = condition?.(scope) ?? null
    return decided === null ? null : ((decided === 0 ? no : yes)?.(scope) ?? null)
  }
}

function readList(tokens: string[], open: readonly string[], close: readonly string[]): Operand[] {
  for (const mark of open) expect(tokens, mark)
  const list = [readAnd(tokens)]
  while (tokens[0] === ',') {
    tokens.shift()
    list.push(readAnd(tokens))
  }
  for (const mark of close) expect(tokens, mark)
  return list
}

function expect(tokens: string[], mark: string): void {
  const token = tokens.shift()
  if (token !== mark) throw new Error(`there must be "${mark}", not "${token}"`)
}
