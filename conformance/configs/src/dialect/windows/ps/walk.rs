//! Blocks as they are written, whether they run or not.

use super::{Block, Element, Expr, Pipe, Stmt};

/// The variables that a block sets.
pub(super) fn assigned(block: &Block, found: &mut Vec<String>) {
    each(block, &mut |stmt| {
        if let Some(name) = target(stmt) {
            found.push(name);
        }
    });
}

/// Lines of the commands of a block.
pub(super) fn commands(block: &Block, found: &mut Vec<(u32, u32)>) {
    each(block, &mut |stmt| {
        let pipe = match stmt {
            Stmt::Pipe(pipe) => pipe,
            Stmt::Assign(_, _, value) => match value.as_ref() {
                Stmt::Pipe(pipe) => pipe,
                _ => return,
            },
            _ => return,
        };
        for element in &pipe.0 {
            if let Element::Command(command) = element {
                found.push(command.lines);
            }
        }
    });
}

fn target(stmt: &Stmt) -> Option<String> {
    match stmt {
        Stmt::Assign(Expr::Variable(name), ..) => Some(name.clone()),
        Stmt::Assign(Expr::Cast(_, inner), ..) => match inner.as_ref() {
            Expr::Variable(name) => Some(name.clone()),
            _ => None,
        },
        // `$i++`
        Stmt::Pipe(Pipe(elements)) => match elements.as_slice() {
            [Element::Expr(Expr::Paren(inner))] => target(inner),
            _ => None,
        },
        _ => None,
    }
}

/// All statements, inner ones too.
fn each(block: &Block, see: &mut dyn FnMut(&Stmt)) {
    for stmt in &block.0 {
        see(stmt);
        match stmt {
            Stmt::If(arms, otherwise) => {
                for (_, body) in arms {
                    each(body, see);
                }
                each(otherwise, see);
            }
            Stmt::Foreach(_, _, body) | Stmt::For(_, body) | Stmt::Loop(body) => each(body, see),
            Stmt::Switch(_, arms) => arms.iter().for_each(|(_, body)| each(body, see)),
            Stmt::Try(body, last) => {
                each(body, see);
                each(last, see);
            }
            _ => {}
        }
    }
}
