//! Statements: which of them run, and how often.

use super::values::{Table, Value};
use super::{Arg, Block, Command, Expr, Open, Stmt, parse, walk};
use std::collections::BTreeMap;

/// Steps after which a script is no longer followed.
const MOST_STEPS: u32 = 200_000;
const DEEPEST: u32 = 40;
/// Times that a loop runs at most.
const MOST_ROUNDS: u32 = 256;

/// What runs the cmdlets.
pub(in crate::dialect) trait Shell {
    fn call(&mut self, call: &Call) -> Value;
    /// These lines have a command that surely does not run.
    fn passed_over(&mut self, _: (u32, u32)) {}
}

/// A cmdlet with its values.
pub(in crate::dialect) struct Call {
    /// In small letters.
    pub(in crate::dialect) name: String,
    /// In small letters, as they are written.
    pub(in crate::dialect) params: Vec<(String, Option<Value>)>,
    pub(in crate::dialect) values: Vec<Value>,
    /// What a pipeline gives.
    pub(in crate::dialect) input: Option<Value>,
    pub(in crate::dialect) lines: (u32, u32),
    /// Whether it runs depends on something that is not known.
    pub(in crate::dialect) maybe: bool,
    /// On these computers; None: here.
    pub(in crate::dialect) computers: Option<Vec<String>>,
}

pub(super) struct Interpreter<'a, S> {
    shell: &'a mut S,
    variables: BTreeMap<String, Value>,
    functions: BTreeMap<String, Function>,
    called: Vec<String>,
    steps: u32,
    depth: u32,
    maybe: bool,
    returned: bool,
    computers: Option<Vec<String>>,
}

/// Parameters of a function with their defaults, and its body.
type Function = (Vec<(String, Option<Expr>)>, Block);

/// Runs a script; its variables. `again`: whether functions that nobody calls are to be run, too, asked
/// when the rest has run.
///
/// # Errors
/// Something is never closed.
pub(in crate::dialect) fn run<S: Shell>(
    text: &str,
    shell: &mut S,
    again: impl Fn(&S) -> bool,
) -> Result<BTreeMap<String, Value>, Open> {
    let text = ascii(text);
    let script = parse::parse(&text)?;
    let mut interpreter = Interpreter {
        shell,
        variables: BTreeMap::new(),
        functions: BTreeMap::new(),
        called: Vec::new(),
        steps: 0,
        depth: 0,
        maybe: false,
        returned: false,
        computers: None,
    };
    interpreter.outputs(&script);
    if again(interpreter.shell) {
        let uncalled = interpreter
            .functions
            .iter()
            .filter(|(name, _)| !interpreter.called.contains(name));
        let all: Vec<Function> = uncalled.map(|(_, function)| function.clone()).collect();
        for (params, body) in all {
            interpreter.returned = false;
            interpreter.params(&params);
            interpreter.outputs(&body);
        }
    }
    Ok(interpreter.variables)
}

/// Dashes and quotes that word processors make are those of the language.
fn ascii(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            '\u{2013}' | '\u{2014}' | '\u{2015}' => '-',
            '\u{201c}' | '\u{201d}' | '\u{201e}' => '"',
            '\u{2018}' | '\u{2019}' | '\u{201a}' => '\'',
            '\u{a0}' | '\u{feff}' => ' ',
            other => other,
        })
        .collect()
}

impl<S: Shell> Interpreter<'_, S> {
    pub(super) fn may_go_on(&mut self) -> bool {
        self.steps += 1;
        self.steps < MOST_STEPS && self.depth < DEEPEST
    }

    pub(super) fn variable(&self, name: &str) -> Value {
        match name {
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            "null" => return Value::Null,
            "psitem" => return self.variable("_"),
            _ => {}
        }
        match self.variables.get(name) {
            Some(value) => value.clone(),
            None if name.starts_with("env:") => Value::unknown("it is in the environment"),
            None => Value::Unknown(format!("no line sets ${name}")),
        }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.variables.insert(name.to_owned(), value);
    }

    /// What the statements of a block give.
    pub(super) fn outputs(&mut self, block: &Block) -> Vec<Value> {
        let mut all = Vec::new();
        self.depth += 1;
        for stmt in block.0.iter() {
            if !self.may_go_on() || self.returned {
                break;
            }
            match self.value_of(stmt) {
                Value::Null => {}
                value => all.push(value),
            }
        }
        self.depth -= 1;
        all
    }

    pub(super) fn value_of(&mut self, stmt: &Stmt) -> Value {
        match stmt {
            Stmt::Pipe(pipe) => self.pipe(pipe),
            Stmt::Assign(target, sign, value) => {
                let value = self.value_of(value);
                self.assign(target, *sign, value);
                Value::Null
            }
            Stmt::If(arms, otherwise) => self.conditional(arms, otherwise),
            Stmt::Foreach(name, list, body) => {
                let list = self.pipe(list);
                self.before_loop(&list, body);
                let mut all = Vec::new();
                for item in list.items() {
                    self.set(name, item);
                    all.extend(self.outputs(body));
                }
                Value::of(all)
            }
            Stmt::For(parts, body) => self.counted(parts, body),
            Stmt::Loop(body) => Value::of(self.outputs(body)),
            Stmt::Switch(value, arms) => self.switch(value, arms),
            Stmt::Function(name, params, body) => {
                let function = (params.clone(), body.clone());
                self.functions.insert(name.to_ascii_lowercase(), function);
                Value::Null
            }
            Stmt::Params(params) => {
                self.params(params);
                Value::Null
            }
            Stmt::Try(body, last) => {
                let mut all = self.outputs(body);
                all.extend(self.outputs(last));
                Value::of(all)
            }
            Stmt::Return(value) => {
                let value = value.as_ref().map_or(Value::Null, |pipe| self.pipe(pipe));
                // One that may not happen does not end anything.
                self.returned = !self.maybe;
                value
            }
        }
    }

    /// Parameters that nobody gave have their defaults.
    fn params(&mut self, params: &[(String, Option<Expr>)]) {
        for (name, default) in params {
            let value = match default {
                Some(expr) => self.expr(expr),
                None => Value::Unknown(format!("${name} is given when the script is called")),
            };
            self.set(name, value);
        }
    }

    fn conditional(&mut self, arms: &[(super::Pipe, Block)], otherwise: &Block) -> Value {
        let maybe = self.maybe;
        let mut before: Option<BTreeMap<String, Value>> = None;
        let mut ends: Vec<BTreeMap<String, Value>> = Vec::new();
        let mut all = Vec::new();
        for (condition, body) in arms {
            match self.pipe(condition).truth() {
                Some(false) => {
                    self.pass_over(body);
                    continue;
                }
                Some(true) if ends.is_empty() => {
                    let rest = arms
                        .iter()
                        .map(|(_, b)| b)
                        .filter(|b| !std::ptr::eq(*b, body));
                    rest.chain([otherwise]).for_each(|b| self.pass_over(b));
                    return Value::of(self.outputs(body));
                }
                certain => {
                    self.maybe = true;
                    let before = before.get_or_insert_with(|| self.variables.clone());
                    let before = before.clone();
                    all.extend(self.outputs(body));
                    ends.push(std::mem::replace(&mut self.variables, before));
                    if certain.is_some() {
                        self.maybe = maybe;
                        self.merge(ends);
                        return Value::of(all);
                    }
                }
            }
        }
        self.maybe |= !ends.is_empty();
        all.extend(self.outputs(otherwise));
        self.maybe = maybe;
        if !ends.is_empty() {
            ends.push(self.variables.clone());
            self.merge(ends);
            return Value::unknown("it depends on a condition that is not known");
        }
        Value::of(all)
    }

    /// Variables that are not the same in all ends are not known.
    fn merge(&mut self, ends: Vec<BTreeMap<String, Value>>) {
        let mut ends = ends.into_iter();
        let Some(mut first) = ends.next() else { return };
        for other in ends {
            for (name, value) in other {
                let same = first.get(&name).is_some_and(|v| *v == value);
                if !same {
                    let why = format!("${name} depends on a condition that is not known");
                    first.insert(name, Value::Unknown(why));
                }
            }
        }
        self.variables = first;
    }

    /// How often a loop over things of the machine runs is not known: what it counts is not, either.
    pub(super) fn before_loop(&mut self, list: &Value, body: &Block) {
        if !matches!(list, Value::Object(_) | Value::Unknown(_)) {
            return;
        }
        let mut names = Vec::new();
        walk::assigned(body, &mut names);
        names.retain(|name| matches!(self.variables.get(name), Some(Value::Int(_))));
        for name in names {
            self.set(
                &name,
                Value::unknown("it is counted in a loop over what the machine has"),
            );
        }
    }

    fn pass_over(&mut self, block: &Block) {
        let mut lines = Vec::new();
        walk::commands(block, &mut lines);
        for lines in lines {
            self.shell.passed_over(lines);
        }
    }

    fn counted(&mut self, parts: &[Block; 3], body: &Block) -> Value {
        let [first, condition, step] = parts;
        self.outputs(first);
        let mut all = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let goes_on = Value::of(self.outputs(condition)).truth();
            if goes_on == Some(false) || self.returned {
                break;
            }
            all.extend(self.outputs(body));
            if goes_on.is_none() {
                break;
            }
            self.outputs(step);
        }
        Value::of(all)
    }

    fn switch(&mut self, value: &super::Pipe, arms: &[(Option<Expr>, Block)]) -> Value {
        let value = self.pipe(value);
        let (mut chosen, mut all) = (false, Vec::new());
        for (pattern, body) in arms {
            let fits = match pattern {
                None => Some(!chosen),
                Some(Expr::Block(_)) => None,
                Some(expr) => {
                    let with = self.expr(expr);
                    super::operate::binary("-eq", value.clone(), with).truth()
                }
            };
            let maybe = self.maybe;
            match fits {
                Some(false) => {
                    self.pass_over(body);
                    continue;
                }
                Some(true) => chosen = true,
                None => self.maybe = true,
            }
            all.extend(self.outputs(body));
            self.maybe = maybe;
        }
        Value::of(all)
    }

    fn assign(&mut self, target: &Expr, sign: u8, value: Value) {
        match target {
            Expr::Variable(name) => {
                let value = match sign {
                    b'=' => value,
                    sign => {
                        // A list that does not exist yet is empty.
                        let before = self.variables.get(name).cloned().unwrap_or(Value::Null);
                        let sign = char::from(sign).to_string();
                        super::operate::binary(&sign, before, value)
                    }
                };
                self.set(name, value);
            }
            Expr::Cast(kind, inner) => {
                let value = super::operate::cast(kind, value);
                self.assign(inner, sign, value);
            }
            Expr::List(targets) => {
                let mut values = value.items().into_iter();
                for target in targets {
                    let value = values.next().unwrap_or(Value::Null);
                    self.assign(target, sign, value);
                }
            }
            Expr::Member(of, key) | Expr::Index(of, key) => {
                let Expr::Variable(name) = of.as_ref() else {
                    return;
                };
                let key = self.expr(key);
                let mut table = match self.variable(name) {
                    Value::Table(table) => table,
                    Value::List(mut all) => {
                        let at = key.number().and_then(|n| usize::try_from(n).ok());
                        if let Some(place) = at.and_then(|n| all.get_mut(n)) {
                            *place = value;
                        }
                        self.set(name, Value::List(all));
                        return;
                    }
                    _ => return,
                };
                if let Some(key) = key.text() {
                    let line = table.line;
                    table.set(&key, value, line);
                }
                self.set(name, Value::Table(table));
            }
            _ => {}
        }
    }

    pub(super) fn command(&mut self, command: &Command, input: Option<Value>) -> Value {
        let name = match self.expr(&command.name) {
            Value::Block(block) => return Value::of(self.outputs(&block)),
            value => value.text().unwrap_or_default().to_ascii_lowercase(),
        };
        // `NetAdapter\Get-NetAdapter`
        let name = name.rsplit('\\').next().unwrap_or_default().to_owned();
        if let Some(value) = self.passes(&name, command, input.as_ref()) {
            return value;
        }
        let mut call = Call {
            name,
            params: Vec::new(),
            values: Vec::new(),
            input,
            lines: command.lines,
            maybe: self.maybe,
            computers: self.computers.clone(),
        };
        for arg in &command.args {
            match arg {
                Arg::Param(name, value) => {
                    let value = value.as_ref().map(|v| self.expr(v));
                    call.params.push((name.to_ascii_lowercase(), value));
                }
                Arg::Value(expr) => {
                    let value = self.expr(expr);
                    call.values.push(value);
                }
                Arg::Splat(name) => match self.variable(&name.to_ascii_lowercase()) {
                    Value::Table(Table { entries, .. }) => {
                        let all = entries.into_iter();
                        let named =
                            all.map(|(key, value, _)| (key.to_ascii_lowercase(), Some(value)));
                        call.params.extend(named);
                    }
                    Value::List(all) => call.values.extend(all),
                    _ => {}
                },
            }
        }
        match call.name.as_str() {
            "invoke-command" | "icm" => self.invoke(&call),
            "new-pssession" | "new-cimsession" | "get-pssession" => session(&call),
            "set-variable" | "new-variable" => {
                let name = call.text("name", 0).unwrap_or_default();
                let value = call.value("value", 1).cloned().unwrap_or(Value::Null);
                self.set(&name.to_ascii_lowercase(), value);
                Value::Null
            }
            name if self.functions.contains_key(name) => self.function(&call),
            _ => self.shell.call(&call),
        }
    }

    /// A block that runs on other computers.
    fn invoke(&mut self, call: &Call) -> Value {
        let given = call
            .params
            .iter()
            .chain(&[])
            .filter_map(|(_, v)| v.as_ref());
        let mut blocks = given.chain(&call.values);
        let Some(Value::Block(block)) = blocks.find(|v| matches!(v, Value::Block(_))).cloned()
        else {
            return Value::unknown("what another script does is not known");
        };
        let names = ["computername", "cn", "session", "hostname", "vmname"]
            .iter()
            .find_map(|name| call.value(name, usize::MAX));
        let first = call
            .values
            .first()
            .filter(|v| !matches!(v, Value::Block(_)));
        let computers = names.or(first).cloned().and_then(names_of);
        let computers = computers.or_else(|| self.computers.clone());
        let before = std::mem::replace(&mut self.computers, computers);
        let args = call
            .value("argumentlist", usize::MAX)
            .or(call.value("args", usize::MAX));
        let args = args.cloned().map_or_else(Vec::new, Value::items);
        let mut params: Vec<String> = Vec::new();
        if let Some(Stmt::Params(list)) = block.0.first() {
            params = list.iter().map(|(name, _)| name.clone()).collect();
        }
        self.set("args", Value::List(args.clone()));
        let mut body = block;
        if !params.is_empty() && !args.is_empty() {
            let mut stmts = body.into_vec();
            stmts.remove(0);
            body = Block::new(stmts);
            for (name, value) in params.iter().zip(args) {
                self.set(name, value);
            }
        }
        let all = self.outputs(&body);
        self.returned = false;
        self.computers = before;
        Value::of(all)
    }

    fn function(&mut self, call: &Call) -> Value {
        let Some((params, body)) = self.functions.get(&call.name).cloned() else {
            return Value::Null;
        };
        if !self.called.contains(&call.name) {
            self.called.push(call.name.clone());
        }
        let before = self.variables.clone();
        self.params(&params);
        let mut values = call.values.iter();
        for (name, _) in &params {
            let named = call
                .params
                .iter()
                .find(|(n, _)| name.starts_with(n.as_str()));
            let value = match named {
                Some((_, Some(value))) => Some(value),
                Some((_, None)) => Some(&Value::Bool(true)),
                None => values.next(),
            };
            if let Some(value) = value {
                self.variables.insert(name.clone(), value.clone());
            }
        }
        let all = self.outputs(&body);
        self.returned = false;
        self.variables = before;
        Value::of(all)
    }
}

/// The computers of a list; None: this one, or not known.
pub(super) fn names_of(value: Value) -> Option<Vec<String>> {
    let names: Option<Vec<String>> = value.items().iter().map(Value::text).collect();
    let names = names.filter(|all| !all.is_empty())?;
    let here = |name: &String| {
        matches!(
            name.to_ascii_lowercase().as_str(),
            "localhost" | "." | "127.0.0.1" | ""
        )
    };
    (!names.iter().any(here)).then_some(names)
}

/// A session is the names of its computers.
fn session(call: &Call) -> Value {
    let names = call
        .value("computername", 0)
        .or(call.value("cn", usize::MAX));
    names
        .cloned()
        .unwrap_or_else(|| Value::unknown("which computers they are is not known"))
}

impl Call {
    /// A parameter by its name or the beginning of it, else by its place among those without a name.
    pub(in crate::dialect) fn value(&self, name: &str, place: usize) -> Option<&Value> {
        let exact = self.params.iter().rev().find(|(n, _)| n == name);
        let begun = || {
            self.params
                .iter()
                .find(|(n, _)| n.len() > 1 && name.starts_with(n.as_str()))
        };
        match exact.or_else(begun) {
            Some((_, value)) => value.as_ref(),
            None => self.values.get(place),
        }
    }

    pub(in crate::dialect) fn text(&self, name: &str, place: usize) -> Option<String> {
        self.value(name, place)?.text()
    }

    /// A switch: given, and not given as `$false`.
    pub(in crate::dialect) fn switch(&self, name: &str) -> bool {
        let found = self.params.iter().find(|(n, _)| n == name);
        found.is_some_and(|(_, value)| value.as_ref().is_none_or(|v| v.truth() != Some(false)))
    }

    /// Where it runs: as `-CimSession` says, or the block that it stands in.
    pub(in crate::dialect) fn on(&self) -> Option<Vec<String>> {
        let said = ["cimsession", "computername"]
            .iter()
            .find_map(|name| self.value(name, usize::MAX));
        match said {
            Some(value) => names_of(value.clone()).or_else(|| self.computers.clone()),
            None => self.computers.clone(),
        }
    }
}
