//! Expressions and the cmdlets that pass objects on.

use super::eval::{Interpreter, Shell};
use super::values::{Object, Table, Value};
use super::{Arg, Command, Element, Expr, Part, Pipe, Stmt, operate};

impl<S: Shell> Interpreter<'_, S> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Value {
        if !self.may_go_on() {
            return Value::unknown("the script is too long to follow");
        }
        match expr {
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Number(n) => Value::Int(*n),
            Expr::Expandable(parts) => self.expandable(parts),
            Expr::Variable(name) => self.variable(name),
            Expr::Member(of, name) => {
                let of = self.expr(of);
                match self.expr(name).text() {
                    Some(name) => operate::member(&of, &name.to_ascii_lowercase()),
                    None => Value::unknown("which property it is is not known"),
                }
            }
            Expr::Index(of, at) => {
                let (of, at) = (self.expr(of), self.expr(at));
                operate::index(&of, &at)
            }
            Expr::Method(of, name, args) => self.method(of, name, args),
            Expr::List(all) => Value::List(all.iter().map(|e| self.expr(e)).collect()),
            Expr::Sub(block, list) => {
                let all = self.outputs(block);
                match list {
                    true => Value::List(all.into_iter().flat_map(Value::items).collect()),
                    false => Value::of(all),
                }
            }
            Expr::Paren(stmt) => self.value_of(stmt),
            Expr::Table(entries, line) => self.table(entries, *line),
            Expr::Block(block) => Value::Block(block.clone()),
            Expr::Not(inner) => match self.expr(inner).truth() {
                Some(truth) => Value::Bool(!truth),
                None => Value::unknown("it depends on what the machine has"),
            },
            Expr::Minus(inner) => match self.expr(inner).number() {
                Some(n) => Value::Int(n.saturating_neg()),
                None => Value::unknown("it is no number"),
            },
            Expr::Binary(name, left, right) => {
                let left = self.expr(left);
                let right = self.expr(right);
                operate::binary(name, left, right)
            }
            Expr::Cast(kind, inner) => {
                let inner = self.expr(inner);
                operate::cast(kind, inner)
            }
            Expr::Other => Value::unknown("it is not followed"),
        }
    }

    fn table(&mut self, entries: &[(Expr, Stmt, u32)], line: u32) -> Value {
        let mut table = Table {
            line,
            entries: Vec::with_capacity(entries.len()),
        };
        for (key, value, line) in entries {
            let value = self.value_of(value);
            if let Some(key) = self.expr(key).text() {
                table.entries.push((key, value, *line));
            }
        }
        Value::Table(table)
    }

    fn expandable(&mut self, parts: &[Part]) -> Value {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expr(expr) => match self.expr(expr) {
                    Value::Unknown(why) => return Value::Unknown(why),
                    value => match value.text() {
                        Some(text) => out.push_str(&text),
                        None => return Value::unknown("part of it is not known"),
                    },
                },
            }
        }
        Value::Text(out)
    }

    fn method(&mut self, of: &Expr, name: &str, args: &[Expr]) -> Value {
        let args: Vec<Value> = args
            .iter()
            .flat_map(|a| match self.expr(a) {
                Value::List(all) => all,
                one => vec![one],
            })
            .collect();
        if let ("add" | "addrange" | "append", Expr::Variable(variable)) = (name, of) {
            let before = self.variable(variable);
            if let Value::List(mut all) = before {
                all.extend(args);
                self.set(variable, Value::List(all));
            } else if let Value::Table(mut table) = before
                && let [key, value] = args.as_slice()
                && let Some(key) = key.text()
            {
                let line = table.line;
                table.set(&key, value.clone(), line);
                self.set(variable, Value::Table(table));
            }
            return Value::Null;
        }
        let of = self.expr(of);
        if let ("foreach", [Value::Block(block)]) = (name, args.as_slice()) {
            return self.each(of, &block.clone());
        }
        operate::method(&of, name, &args)
    }

    pub(super) fn pipe(&mut self, pipe: &Pipe) -> Value {
        let mut value: Option<Value> = None;
        for element in &pipe.0 {
            value = Some(match element {
                Element::Expr(expr) => self.expr(expr),
                Element::Command(command) => self.command(command, value),
            });
        }
        value.unwrap_or(Value::Null)
    }

    /// Cmdlets that pass on what they are given; None: it is another one.
    pub(super) fn passes(
        &mut self,
        name: &str,
        command: &Command,
        input: Option<&Value>,
    ) -> Option<Value> {
        let input = || input.cloned().unwrap_or(Value::Null);
        Some(match name {
            "where-object" | "where" | "?" => self.filter(command, input()),
            "foreach-object" | "foreach" | "%" => {
                let mut result = Value::Null;
                for arg in &command.args {
                    match arg {
                        Arg::Value(expr) | Arg::Param(_, Some(expr)) => match self.expr(expr) {
                            Value::Block(block) => result = self.each(input(), &block),
                            other => {
                                let member = other.text().unwrap_or_default();
                                result = operate::member(&input(), &member.to_ascii_lowercase());
                            }
                        },
                        _ => {}
                    }
                }
                result
            }
            "select-object" | "select" => self.select(command, input()),
            "sort-object" | "sort" | "out-null" | "tee-object" | "get-unique" => match name {
                "out-null" => Value::Null,
                _ => input(),
            },
            "measure-object" => Value::unknown("how many there are is not known"),
            "format-table" | "ft" | "format-list" | "fl" | "out-string" | "write-host" | "echo"
            | "write-verbose" | "write-warning" | "out-file" | "write-error" => Value::Null,
            "write-output" => {
                let mut all = Vec::new();
                for arg in &command.args {
                    if let Arg::Value(expr) = arg {
                        all.push(self.expr(expr));
                    }
                }
                Value::of(all)
            }
            _ => return None,
        })
    }

    fn select(&mut self, command: &Command, input: Value) -> Value {
        let mut value = input;
        for arg in &command.args {
            let Arg::Param(name, Some(expr)) = arg else {
                continue;
            };
            let name = name.to_ascii_lowercase();
            let with = self.expr(expr);
            if name.len() > 2 && "expandproperty".starts_with(&name) {
                let member = with.text().unwrap_or_default().to_ascii_lowercase();
                value = operate::member(&value, &member);
            } else if let (Some(n), Value::List(all)) = (with.number(), &value) {
                let n = usize::try_from(n).unwrap_or(0);
                value = match name.as_str() {
                    "first" => Value::of(all.iter().take(n).cloned().collect()),
                    "skip" => Value::of(all.iter().skip(n).cloned().collect()),
                    "last" => {
                        let skip = all.len().saturating_sub(n);
                        Value::of(all.iter().skip(skip).cloned().collect())
                    }
                    _ => continue,
                };
            } else if let (Value::Object(object), "first" | "last" | "skip") =
                (&value, name.as_str())
            {
                value = operate::index(&Value::Object(object.clone()), &Value::Int(0));
            }
        }
        value
    }

    /// Runs a block for each item.
    pub(super) fn each(&mut self, input: Value, block: &super::Block) -> Value {
        self.before_loop(&input, block);
        let before = self.variable("_");
        let mut all = Vec::new();
        for item in input.items() {
            self.set("_", item);
            all.extend(self.outputs(block));
        }
        self.set("_", before);
        Value::of(all)
    }

    fn filter(&mut self, command: &Command, input: Value) -> Value {
        // `Where-Object Name -like "SMB*"`, or a block.
        let mut words = Vec::new();
        for arg in &command.args {
            match arg {
                Arg::Value(expr) => match self.expr(expr) {
                    Value::Block(block) => return self.chosen(input, &block),
                    value => words.push((String::new(), value)),
                },
                Arg::Param(name, value) => {
                    let value = value.as_ref().map_or(Value::Null, |v| self.expr(v));
                    if let Value::Block(block) = value {
                        return self.chosen(input, &block);
                    }
                    words.push((format!("-{}", name.to_ascii_lowercase()), value));
                }
                Arg::Splat(_) => {}
            }
        }
        let property = words
            .iter()
            .find(|(name, _)| name.is_empty() || name == "-property");
        let property = property.and_then(|(_, v)| v.text()).unwrap_or_default();
        let test = words
            .iter()
            .find(|(name, _)| !name.is_empty() && name != "-property");
        let Some((operator, with)) = test.cloned() else {
            return some_of(input);
        };
        self.keep(input, |_, item| {
            let of = operate::member(item, &property.to_ascii_lowercase());
            (
                property.to_ascii_lowercase(),
                operate::binary(&operator, of, with.clone()),
            )
        })
    }

    fn chosen(&mut self, input: Value, block: &super::Block) -> Value {
        // The name of what is compared, if the block does nothing else.
        let (property, pattern) = match block.0.as_slice() {
            [Stmt::Pipe(Pipe(elements))] => match elements.as_slice() {
                [Element::Expr(Expr::Binary(operator, left, right))]
                    if matches!(
                        operator.as_str(),
                        "-like" | "-eq" | "-in" | "-ilike" | "-ieq"
                    ) =>
                {
                    match left.as_ref() {
                        Expr::Member(of, name) if **of == Expr::Variable("_".to_owned()) => {
                            let name = self.expr(name).text().unwrap_or_default();
                            (name.to_ascii_lowercase(), Some(self.expr(right)))
                        }
                        _ => (String::new(), None),
                    }
                }
                _ => (String::new(), None),
            },
            _ => (String::new(), None),
        };
        let block = block.clone();
        if let (Value::Object(object), Some(pattern)) = (&input, &pattern)
            && let Some(found) = narrowed(object, &property, pattern)
        {
            return found;
        }
        self.keep(input, |this, item| {
            let before = this.variable("_");
            this.set("_", item.clone());
            let all = this.outputs(&block);
            this.set("_", before);
            (String::new(), Value::of(all))
        })
    }

    fn keep(
        &mut self,
        input: Value,
        mut test: impl FnMut(&mut Self, &Value) -> (String, Value),
    ) -> Value {
        if let Value::Object(_) | Value::Unknown(_) = input {
            return some_of(input);
        }
        let mut all = Vec::new();
        for item in input.items() {
            let (_, answer) = test(self, &item);
            match answer.truth() {
                Some(false) => {}
                Some(true) => all.push(item),
                None => return Value::unknown("which of them are meant is not known"),
            }
        }
        Value::of(all)
    }
}

/// Some things, but not those that the script shows.
fn some_of(input: Value) -> Value {
    match input {
        Value::Object(object) => Value::Object(Object {
            name: None,
            ..object
        }),
        other => other,
    }
}

/// Things whose name fits.
fn narrowed(object: &Object, property: &str, pattern: &Value) -> Option<Value> {
    if !matches!(property, "name" | "interfacealias" | "ifalias")
        || object.name.as_deref() != Some("*")
    {
        return None;
    }
    let one = |v: &Value| {
        Some(Value::Object(Object {
            kind: object.kind,
            name: Some(v.text()?),
        }))
    };
    match pattern {
        Value::List(all) => Some(Value::List(all.iter().map(one).collect::<Option<_>>()?)),
        one_name => one(one_name),
    }
}
