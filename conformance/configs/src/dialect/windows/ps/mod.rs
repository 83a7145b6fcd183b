//! As much of PowerShell as configuration scripts use: which cmdlets run, with which values.

mod eval;
mod expand;
mod list;
mod operate;
mod parse;
mod values;
mod walk;

pub(in crate::dialect) use eval::{Call, Shell, run};
pub(in crate::dialect) use values::{Kind, Object, Table, Value, like};

/// What is never closed, and the line where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialect) struct Open {
    pub(in crate::dialect) what: &'static str,
    pub(in crate::dialect) line: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::dialect) struct Block(Vec<Stmt>);

#[derive(Clone, Debug, PartialEq)]
enum Stmt {
    Pipe(Pipe),
    /// Target, operator (`=` or `+`), value.
    Assign(Expr, u8, Box<Stmt>),
    If(Vec<(Pipe, Block)>, Block),
    Foreach(String, Pipe, Block),
    /// First, condition, step, body.
    For(Box<[Block; 3]>, Block),
    /// Its body runs at least once.
    Loop(Block),
    /// An expression; None stands for `default`.
    Switch(Pipe, Vec<(Option<Expr>, Block)>),
    Function(String, Vec<(String, Option<Expr>)>, Block),
    Params(Vec<(String, Option<Expr>)>),
    Try(Block, Block),
    Return(Option<Pipe>),
}

#[derive(Clone, Debug, PartialEq)]
struct Pipe(Vec<Element>);

#[derive(Clone, Debug, PartialEq)]
enum Element {
    Expr(Expr),
    Command(Command),
}

#[derive(Clone, Debug, PartialEq)]
struct Command {
    name: Expr,
    args: Vec<Arg>,
    /// First and last line.
    lines: (u32, u32),
}

#[derive(Clone, Debug, PartialEq)]
enum Arg {
    Param(String, Option<Expr>),
    Value(Expr),
    Splat(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Expr(Expr),
}

#[derive(Clone, Debug, PartialEq)]
enum Expr {
    Text(String),
    Number(i64),
    Expandable(Vec<Part>),
    Variable(String),
    Member(Box<Expr>, Box<Expr>),
    Index(Box<Expr>, Box<Expr>),
    Method(Box<Expr>, String, Vec<Expr>),
    List(Vec<Expr>),
    /// `$( )`, `@( )`: what its statements give; of the latter always a list.
    Sub(Block, bool),
    Paren(Box<Stmt>),
    /// Lines of the table and of each key.
    Table(Vec<(Expr, Stmt, u32)>, u32),
    Block(Block),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(String, Box<Expr>, Box<Expr>),
    Cast(String, Box<Expr>),
    /// A type, or something that is not followed.
    Other,
}
