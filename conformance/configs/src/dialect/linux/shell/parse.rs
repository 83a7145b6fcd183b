//! The structure of shell scripts.

use super::lex::{Open, lex};
use super::{Redirect, Token, Word};

/// Deeper nesting is passed over.
const DEEPEST: usize = 60;

#[derive(Clone, Debug)]
pub(super) enum Statement {
    Simple {
        words: Vec<Word>,
        redirects: Vec<Redirect>,
        line: u32,
    },
    Pipe(Vec<Statement>),
    /// The first one, then each with whether it runs after success.
    Chain(Box<Statement>, Vec<(bool, Statement)>),
    Not(Box<Statement>),
    If(Vec<(Vec<Statement>, Vec<Statement>)>, Vec<Statement>),
    For(String, Vec<Word>, Vec<Statement>),
    /// The body of `while` or `until`.
    Loop(Vec<Statement>),
    Case(Word, Vec<(Vec<Word>, Vec<Statement>)>),
    Function(String, Vec<Statement>),
    Group(Vec<Statement>, Vec<Redirect>),
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

pub(super) fn parse(text: &str, line: u32) -> Result<Vec<Statement>, Open> {
    let mut parser = Parser {
        tokens: lex(text, line)?,
        at: 0,
        depth: 0,
    };
    let mut all = Vec::new();
    while parser.at < parser.tokens.len() {
        all.extend(parser.list(&[])?);
        // A word that closes nothing: pass over it.
        parser.at += 1;
    }
    Ok(all)
}

impl Parser {
    fn keyword(&self) -> &str {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => word.keyword(),
            Some(Token::Operator(op, _)) => op,
            _ => "",
        }
    }

    fn line(&self) -> u32 {
        let token = self
            .tokens
            .get(self.at.min(self.tokens.len().saturating_sub(1)));
        match token {
            Some(Token::Word(word)) => word.line,
            Some(Token::Operator(_, line)) => *line,
            _ => 1,
        }
    }

    fn blanks(&mut self) {
        while matches!(self.keyword(), "\n" | ";") {
            self.at += 1;
        }
    }

    fn ends(&self, ends: &[&str]) -> bool {
        self.at >= self.tokens.len()
            || ends.contains(&self.keyword())
                && matches!(self.tokens[self.at], Token::Word(_) | Token::Operator(..))
    }

    fn list(&mut self, ends: &[&str]) -> Result<Vec<Statement>, Open> {
        let mut all = Vec::new();
        loop {
            while matches!(self.keyword(), "\n" | ";" | "&") {
                self.at += 1;
            }
            if self.ends(ends)
                || matches!(self.keyword(), ";;" | ";&" | ";;&" | ")") && self.depth > 0
            {
                return Ok(all);
            }
            let before = self.at;
            all.push(self.chain()?);
            if self.at == before {
                self.at += 1;
            }
        }
    }

    fn chain(&mut self) -> Result<Statement, Open> {
        let first = self.pipe()?;
        let mut rest = Vec::new();
        while matches!(self.keyword(), "&&" | "||")
            && matches!(self.tokens[self.at], Token::Operator(..))
        {
            let and = self.keyword() == "&&";
            self.at += 1;
            while self.keyword() == "\n" {
                self.at += 1;
            }
            rest.push((and, self.pipe()?));
        }
        Ok(match rest.is_empty() {
            true => first,
            false => Statement::Chain(Box::new(first), rest),
        })
    }

    fn pipe(&mut self) -> Result<Statement, Open> {
        if self.keyword() == "!" {
            self.at += 1;
            return Ok(Statement::Not(Box::new(self.pipe()?)));
        }
        let mut all = vec![self.command()?];
        while matches!(self.keyword(), "|" | "|&")
            && matches!(self.tokens[self.at], Token::Operator(..))
        {
            self.at += 1;
            while self.keyword() == "\n" {
                self.at += 1;
            }
            all.push(self.command()?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Statement::Pipe(all),
        })
    }

    fn command(&mut self) -> Result<Statement, Open> {
        let line = self.line();
        if self.depth >= DEEPEST {
            return self.simple();
        }
        self.depth += 1;
        let found = match self.keyword() {
            "if" => self.conditional(line),
            "for" | "select" => self.for_loop(line),
            "while" | "until" => self.while_loop(line),
            "case" => self.case(line),
            "{" => self.group("}", "`{`", line),
            "(" => self.group(")", "`(`", line),
            "function" => self.function(true),
            _ if matches!(self.tokens.get(self.at + 1), Some(Token::Operator("(", _)))
                && matches!(self.tokens.get(self.at + 2), Some(Token::Operator(")", _)))
                && !self.keyword().is_empty() =>
            {
                self.function(false)
            }
            _ => self.simple(),
        };
        self.depth -= 1;
        found
    }

    fn expect(&mut self, word: &str, what: &'static str, line: u32) -> Result<(), Open> {
        self.blanks();
        if self.keyword() != word {
            return Err(Open { line, what });
        }
        self.at += 1;
        Ok(())
    }

    fn conditional(&mut self, line: u32) -> Result<Statement, Open> {
        let mut branches = Vec::new();
        self.at += 1;
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then", "`if`", line)?;
            let body = self.list(&["elif", "else", "fi"])?;
            branches.push((condition, body));
            match self.keyword() {
                "elif" => self.at += 1,
                "else" => {
                    self.at += 1;
                    let other = self.list(&["fi"])?;
                    self.expect("fi", "`if`", line)?;
                    return Ok(Statement::If(branches, other));
                }
                _ => {
                    self.expect("fi", "`if`", line)?;
                    return Ok(Statement::If(branches, Vec::new()));
                }
            }
        }
    }

    fn for_loop(&mut self, line: u32) -> Result<Statement, Open> {
        self.at += 1;
        let name = self.keyword().to_owned();
        let mut words = Vec::new();
        // `for ((i = 0; ...))` names no words: its body runs once, with the variable unknown.
        let counted = name == "(";
        self.at += 1;
        if counted {
            while self.at < self.tokens.len() && self.keyword() != "do" && self.keyword() != "\n" {
                self.at += 1;
            }
        } else {
            self.blanks();
            if self.keyword() == "in" {
                self.at += 1;
                while let Some(Token::Word(word)) = self.tokens.get(self.at) {
                    words.push(word.clone());
                    self.at += 1;
                }
            }
        }
        self.expect("do", "`for`", line)?;
        let body = self.list(&["done"])?;
        self.expect("done", "`for`", line)?;
        self.redirects();
        Ok(Statement::For(
            if counted { String::new() } else { name },
            words,
            body,
        ))
    }

    fn while_loop(&mut self, line: u32) -> Result<Statement, Open> {
        self.at += 1;
        self.list(&["do"])?;
        self.expect("do", "`while`", line)?;
        let body = self.list(&["done"])?;
        self.expect("done", "`while`", line)?;
        self.redirects();
        Ok(Statement::Loop(body))
    }

    fn case(&mut self, line: u32) -> Result<Statement, Open> {
        self.at += 1;
        let Some(Token::Word(subject)) = self.tokens.get(self.at).cloned() else {
            return Err(Open {
                line,
                what: "`case`",
            });
        };
        self.at += 1;
        self.expect("in", "`case`", line)?;
        let mut arms = Vec::new();
        loop {
            self.blanks();
            match self.keyword() {
                "esac" => {
                    self.at += 1;
                    return Ok(Statement::Case(subject, arms));
                }
                "(" => self.at += 1,
                _ if self.at >= self.tokens.len() => {
                    return Err(Open {
                        line,
                        what: "`case`",
                    });
                }
                _ => {}
            }
            let mut patterns = Vec::new();
            while self.at < self.tokens.len() && self.keyword() != ")" {
                if let Token::Word(word) = &self.tokens[self.at] {
                    patterns.push(word.clone());
                }
                self.at += 1;
            }
            self.at += 1;
            let body = self.list(&["esac"])?;
            arms.push((patterns, body));
            if matches!(self.keyword(), ";;" | ";&" | ";;&" | ")") {
                self.at += 1;
            }
        }
    }

    fn group(&mut self, end: &str, what: &'static str, line: u32) -> Result<Statement, Open> {
        self.at += 1;
        let body = self.list(&[end])?;
        self.expect(end, what, line)?;
        Ok(Statement::Group(body, self.redirects()))
    }

    fn redirects(&mut self) -> Vec<Redirect> {
        let mut found = Vec::new();
        while let Some(Token::Redirect(redirect)) = self.tokens.get(self.at) {
            found.push(redirect.clone());
            self.at += 1;
        }
        found
    }

    fn function(&mut self, word: bool) -> Result<Statement, Open> {
        self.at += usize::from(word);
        let name = self.keyword().to_owned();
        self.at += 1;
        if self.keyword() == "(" {
            self.at += 2;
        }
        self.blanks();
        let body = match self.command()? {
            Statement::Group(body, _) => body,
            other => vec![other],
        };
        Ok(Statement::Function(name, body))
    }

    fn simple(&mut self) -> Result<Statement, Open> {
        let (mut words, mut redirects) = (Vec::new(), Vec::new());
        let line = self.line();
        loop {
            match self.tokens.get(self.at) {
                Some(Token::Word(word)) => words.push(word.clone()),
                Some(Token::Redirect(redirect)) => redirects.push(redirect.clone()),
                // `(` in the middle of a command is no shell that is known: pass over it.
                Some(Token::Operator("(", _)) => {}
                _ => break,
            }
            self.at += 1;
        }
        Ok(Statement::Simple {
            words,
            redirects,
            line,
        })
    }
}
