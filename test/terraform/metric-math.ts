/** Value of each metric in the minute that is evaluated. A metric that was never reported is missing. */
export type Values = Readonly<Record<string, number | Late | undefined>>

/** A metric without data for this minute yet; `before` is its last value. */
export type Late = { readonly before: number }

/**
 * FILL fills gaps of a metric, including late data. AWS does not document whether it also fills a metric without any data, so
 * the tests evaluate both.
 */
export type FillRule = 'FILL fills metrics without data' | 'FILL keeps metrics without data missing'

type Value = number | null
type Scope = { readonly values: Values; readonly fillRule: FillRule }
type Operand = (scope: Scope) => Value

/**
 * Evaluates the subset of CloudWatch's metric math that the modules use, at one point in time. Returns null when there is no
 * value: an operation with a missing operand has none, and SUM of a list ignores missing members unless all are missing.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 *
 * @throws Error for unsupported syntax
 */
export function evaluate(expression: string, scope: Scope): Value {
  const tokens = expression.match(/[a-z_]\w*|\d+(?:\.\d+)?|==|[<>+*/()[\],]|\S/gi) ?? []
  const value = readAnd(tokens)
  if (tokens.length > 0) throw new Error(`${expression}: cannot parse "${tokens.join(' ')}"`)
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

/** Operator levels, lowest precedence first. */
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
  throw new Error(`cannot parse "${token}"`)
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
    const present = list.map((one) => one(scope)).filter((value) => value !== null)
    return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0)
  }
}

/** Parses FILL of a metric. REPEAT repeats the last value, and has no value when there is none. */
function readFill(tokens: string[]): Operand {
  const [, name = ''] = tokens
  const repeats = tokens[3] === 'REPEAT'
  if (repeats) tokens.splice(2, 2) // with the comma
  const [metric, by = () => null] = readList(tokens, ['('], [')'])
  return (scope) => {
    const value = scope.values[name]
    if (typeof value === 'object') return repeats ? value.before : by(scope)
    return metric?.(scope) ?? (scope.fillRule === 'FILL fills metrics without data' ? by(scope) : null)
  }
}

function readIf(tokens: string[]): Operand {
  const [condition, yes, no] = readList(tokens, ['('], [')'])
  return (scope) => {
    const value = condition?.(scope) ?? null
    return value === null ? null : ((value === 0 ? no : yes)?.(scope) ?? null)
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
  if (token !== mark) throw new Error(`expected "${mark}", found "${token}"`)
}
