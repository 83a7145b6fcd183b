//! Values per port and queue (or priority group).
//!
//! Cells of the same queue number are adjacent, not cells of the same port: most ports use one or
//! two of their eight, so what is in use stays dense in cache and TLB.

use std::ops::{Index, IndexMut};
use xoff_model::PRIORITIES;

/// Eight values for each port.
#[derive(Clone, Debug)]
pub struct Grid<T> {
    ports: usize,
    cells: Vec<T>,
}

impl<T: Clone> Grid<T> {
    pub fn new(ports: usize, value: T) -> Self {
        Grid {
            ports,
            cells: vec![value; ports * PRIORITIES],
        }
    }
}

impl<T> Grid<T> {
    /// The eight values of a port.
    pub fn of_port(&self, port: u32) -> impl Iterator<Item = &T> {
        self.cells
            .iter()
            .skip(port as usize)
            .step_by(self.ports.max(1))
    }

    pub fn of_port_mut(&mut self, port: u32) -> impl Iterator<Item = &mut T> {
        self.cells
            .iter_mut()
            .skip(port as usize)
            .step_by(self.ports.max(1))
    }
}

impl<T> Index<(u32, u8)> for Grid<T> {
    type Output = T;

    #[inline]
    fn index(&self, (port, queue): (u32, u8)) -> &T {
        &self.cells[usize::from(queue) * self.ports + port as usize]
    }
}

impl<T> IndexMut<(u32, u8)> for Grid<T> {
    #[inline]
    fn index_mut(&mut self, (port, queue): (u32, u8)) -> &mut T {
        &mut self.cells[usize::from(queue) * self.ports + port as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_its_own() {
        let mut grid = Grid::new(3, 0u32);
        for port in 0..3 {
            for queue in 0..8 {
                grid[(port, queue)] = port * 8 + u32::from(queue);
            }
        }
        assert!(grid.of_port(1).copied().eq(8..16));
        grid.of_port_mut(2).for_each(|v| *v = 0);
        assert_eq!((grid[(2, 7)], grid[(1, 7)]), (0, 15));
    }
}
